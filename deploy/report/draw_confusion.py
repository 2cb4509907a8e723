"""The confusion matrix as a drawing: a few classes with their counts, or many as a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy.report.answers import IntArray
from deploy.report.svg import FIRST, GROUND, INK, LINE, SECOND, canvas, plain

MOST_WITH_COUNTS = 30  # classes; beyond that a cell is too small for a number
DARK = 0.55  # part of a row from which on its cell takes light text


def draw_confusion(matrix: IntArray, labels: Sequence[str]) -> str:
    """Rows are true classes, columns predicted ones, shaded by their part of the row; SVG.

    What is right stands on the diagonal in one colour, what is wrong beside it in another.

    Args:
        matrix: (C, C) counts.
        labels: C names.
    """
    count = len(labels)
    small = count <= MOST_WITH_COUNTS
    cell = 0.36 if small else 0.118  # inches
    side = cell * count + 1.5
    title = f"Confusion matrix of {count} classes: true classes down, predicted ones across"
    with canvas(title, max(5.0, side), max(4.4, side)) as drawn:
        axes = drawn.axes
        _shade(axes, matrix, gap=0.04 if small else 0.0)
        if small:
            _write_counts(axes, matrix)
        _name(axes, labels, 8.5 if small else 6.8)
    return drawn.svg


def _shade(axes: Any, matrix: IntArray, gap: float) -> None:
    """Only cells that hold pictures: of 88 classes' 7,744 cells most are empty."""
    totals = matrix.sum(axis=1)
    for row, column in zip(*matrix.nonzero(), strict=True):
        part = matrix[row, column] / totals[row]
        axes.barh(
            row,
            1 - 2 * gap,
            height=1 - 2 * gap,
            left=column - 0.5 + gap,
            color=FIRST if row == column else SECOND,
            alpha=0.12 + 0.88 * float(part),
            linewidth=0,
        )


def _write_counts(axes: Any, matrix: IntArray) -> None:
    totals = matrix.sum(axis=1)
    for row, column in zip(*matrix.nonzero(), strict=True):
        count = int(matrix[row, column])
        colour = GROUND if count / totals[row] > DARK else INK
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8.5)


def _name(axes: Any, labels: Sequence[str], size: float) -> None:
    names, places = [plain(label) for label in labels], range(len(labels))
    axes.set_xticks(places, names, rotation=90, fontsize=size)
    axes.set_yticks(places, names, fontsize=size)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    for place in range(len(labels) + 1):
        axes.axhline(place - 0.5, color=LINE, linewidth=0.4, zorder=0)
        axes.axvline(place - 0.5, color=LINE, linewidth=0.4, zorder=0)
    axes.set_ylabel("true class")
    axes.set_xlabel("predicted class")
    axes.xaxis.set_label_position("top")
    axes.spines[:].set_visible(False)
