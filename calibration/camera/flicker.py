"""Light that goes on and off with the mains, as it shows in frames taken one after another."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from deploy.arrays import ByteArray, FloatArray

MOST_FLICKER = 0.02  # of the level, a standard deviation
_ROWS = 36
_ROWS_ALONE = 0.6  # of the variance


def flickers(frames: Sequence[ByteArray]) -> bool:
    """Whether (H, W, 3) uint8 frames, taken one after another, differ by more than 2 %."""
    if len(frames) < 2:
        return False
    rows = [cv2.resize(f, (1, _ROWS), interpolation=cv2.INTER_AREA) for f in frames]
    return flicker(np.stack(rows)[:, :, None].astype(np.float32)) > MOST_FLICKER


def flicker(cells: FloatArray) -> float:
    """How much the light changes from frame to frame, as a part of its level.

    A sensor whose lines are exposed one after another shows it as bands that wander, one that
    is exposed at once as frames that differ.

    Args:
        cells: (frames, rows, columns, 3) mean levels.

    Returns:
        A standard deviation over the frames, of the row that changes most.
    """
    if len(cells) < 2:
        return 0.0
    rows = cells.mean(axis=(2, 3))  # (frames, rows)
    return float((rows.std(axis=0) / np.maximum(rows.mean(axis=0), 1.0)).max())


def standing_bands(apart: FloatArray) -> float:
    """How much whole rows differ from the smooth tray: bands that stand still, at a frame rate
    that the mains' is a multiple of.

    Args:
        apart: (rows, columns, 3) how far each cell lies above the smooth tray, of its level.

    Returns:
        A standard deviation over the rows; 0 where it is mostly something else than rows that
        makes the tray uneven, as a stone does.
    """
    level = apart.mean(axis=2)
    rows = level.mean(axis=1)
    return float(rows.std()) if rows.var() > _ROWS_ALONE * level.var() else 0.0
