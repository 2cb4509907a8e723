"""The reliability diagram: how often a model is right, against how sure it is."""

from __future__ import annotations

from typing import Any

from deploy.report.reliability import Reliability
from deploy.report.svg import FIRST, LINE, MUTED, canvas


def draw_reliability(name: str, found: Reliability) -> str:
    """The diagram of one set of confidences, as SVG.

    A dot is a bin: as large as its pictures are many, with the 95 % interval of its accuracy. On
    the diagonal a model is as sure as it is right; below it, it is too sure.
    """
    title = f"Reliability {name}: expected calibration error {100 * found.error:.1f} points"
    with canvas(title, 4.4, 4.3) as drawn:
        axes = drawn.axes
        axes.plot([0, 100], [0, 100], color=MUTED, linewidth=0.8, dashes=(4, 3))
        _draw_bins(axes, found)
        axes.set_title(f"{name[0].upper()}{name[1:]}: error {100 * found.error:.1f} points")
        axes.set_xlabel("confidence of the first label, %")
        axes.set_ylabel("right, %")
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.set_aspect("equal")
    return drawn.svg


def _draw_bins(axes: Any, found: Reliability) -> None:
    most = max(group.n for group in found.bins)
    for group in found.bins:
        at = 100 * group.confidence
        interval = [100 * group.low_right, 100 * group.high_right]
        axes.plot([at, at], interval, color=FIRST, linewidth=1.2, alpha=0.5)
        axes.plot([at, at], [at, 100 * group.right], color=LINE, linewidth=0.8)
        size = 4 + 9 * (group.n / most) ** 0.5
        # A dot on the border, where all are right, is drawn whole.
        axes.plot([at], [100 * group.right], "o", color=FIRST, markersize=size, clip_on=False)
