"""Loss and accuracy over the epochs, training and test side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.report.svg import FIRST, MUTED, SECOND, canvas

# What is drawn of each row of `history.json`: title, keys of both sides, factor.
PANELS = (
    ("Loss (cross entropy)", "training_loss", "validation_loss", 1),
    ("Accuracy, %", "training_top1", "validation_top1", 100),
)
FAR_OFF = 110  # no accuracy, and no loss but that of a run which has lost its way
FEW = 4  # epochs, of which each is a dot
LEAST_GAP = 0.07  # between two names, as part of the axes' height


def draw_curves(history: Sequence[Mapping[str, Any]], chosen: int | None) -> tuple[str, ...]:
    """A drawing of the loss and one of the accuracy, as SVG.

    Args:
        history: rows of a run's `history.json`; a number may be missing or None.
        chosen: the epoch, from 1, whose weights are used; None where there is none.
    """
    return tuple(_draw(history, chosen, *panel) for panel in PANELS)


def _draw(
    history: Sequence[Mapping[str, Any]],
    chosen: int | None,
    name: str,
    training: str,
    test: str,
    factor: float,
) -> str:
    sides = [_numbers(history, key, factor) for key in (training, test)]
    title = f"{name}, over {len(history)} epochs, of the training and the test side"
    with canvas(title, 5.7, 3.7) as drawn:
        axes, epochs = drawn.axes, range(1, len(history) + 1)
        for values, colour, dash in zip(sides, (SECOND, FIRST), ((4, 2), ()), strict=True):
            dots = "o" if len(history) < FEW else ""
            axes.plot(epochs, values, color=colour, dashes=dash, marker=dots, markersize=4)
        far_off = any(value > FAR_OFF for side in sides for value in side)
        axes.set_yscale("log" if far_off else "linear")
        axes.set_title(f"{name}, logarithmic" if far_off else name)
        axes.set_xlabel("epoch")
        axes.set_xlim(1 if len(history) > 1 else 0, max(2, len(history)))
        axes.locator_params(axis="x", integer=True)
        if chosen is not None:
            _mark(axes, chosen, sides[1])
        _name_ends(axes, sides)
    return drawn.svg


def _numbers(history: Sequence[Mapping[str, Any]], key: str, factor: float) -> list[float]:
    values = [row.get(key) for row in history]
    return [math.nan if value is None else factor * float(value) for value in values]


def _name_ends(axes: Any, sides: Sequence[Sequence[float]]) -> None:
    """Write each line's name at its end, so that no legend is needed."""
    heights = [_height(axes, side) for side in sides]
    middle, gap = sum(heights) / 2, max(abs(heights[0] - heights[1]), LEAST_GAP)
    up = 1 if heights[0] >= heights[1] else -1
    for name, colour, sign in (("training", SECOND, up), ("test", FIRST, -up)):
        at = (1.015, middle + sign * gap / 2)
        axes.annotate(name, at, xycoords="axes fraction", color=colour, va="center")


def _height(axes: Any, side: Sequence[float]) -> float:
    """Where a line ends, as part of the axes' height; the middle for one without a number."""
    end = next((value for value in reversed(side) if math.isfinite(value)), None)
    if end is None:
        return 0.5
    on_screen = axes.transData.transform((1, end))
    return float(axes.transAxes.inverted().transform(on_screen)[1])


def _mark(axes: Any, chosen: int, test: Sequence[float]) -> None:
    axes.axvline(chosen, color=MUTED, linewidth=0.8, dashes=(1, 2))
    if chosen <= len(test):
        axes.plot([chosen], [test[chosen - 1]], "o", color=FIRST, markersize=5, clip_on=False)
