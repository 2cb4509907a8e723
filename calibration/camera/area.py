"""The part of a frame that shows the tray."""

from __future__ import annotations

from typing import Any

from deploy.arrays import ByteArray

CELLS = (36, 64)  # down and across: what frames are averaged to
WHOLE = (0.0, 0.0, 1.0, 1.0)
_INSET = 0.08  # of the central square's side: a tray's rim


def central(height: int, width: int) -> tuple[float, ...]:
    """The central square without its rim, from border to border of cells."""
    side = min(height, width) * (0.5 - _INSET)
    left = round((0.5 - side / width) * CELLS[1]) / CELLS[1]
    top = round((0.5 - side / height) * CELLS[0]) / CELLS[0]
    return (left, top, 1 - left, 1 - top)


def cut(cells: Any, area: tuple[float, ...]) -> Any:
    """The (rows, columns, 3) cells of an area: left, top, right, bottom, from 0 to 1."""
    left, top, right, bottom = area
    rows, columns = CELLS
    return cells[
        round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)
    ]


def pixels(frame: ByteArray, area: tuple[float, ...]) -> ByteArray:
    """A view of a frame's pixels in an area."""
    left, top, right, bottom = area
    height, width = frame.shape[:2]
    return frame[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]
