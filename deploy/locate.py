"""Where the stone lies in a picture, by what stands out from a plain ground."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray, FloatArray

_SEARCHED_PX = 160  # the longer side of the copy that is searched
_LEAST_CONTRAST = 14.0  # grey levels; less than this is noise or a soft shadow
_LEAST_SHARE = 0.002


@dataclass(frozen=True)
class Stone:
    """A box around the stone, in pixels of the picture, and its part of the picture's area."""

    x: int
    y: int
    width: int
    height: int
    share: float


def find_stone(picture_bgr: ByteArray) -> Stone | None:
    """Find the one thing that stands out from the ground it lies on.

    Args:
        picture_bgr: (H, W, 3) uint8, BGR, any size.

    Returns:
        The stone's box, or None where nothing stands out.
    """
    small = _shrunk(picture_bgr)
    box = _best_box(_contrast(small))
    return None if box is None else _in_picture(box, small.shape, picture_bgr.shape)


def _shrunk(picture_bgr: ByteArray) -> ByteArray:
    height, width = picture_bgr.shape[:2]
    scale = min(1.0, _SEARCHED_PX / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return cv2.resize(picture_bgr, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _contrast(small_bgr: ByteArray) -> FloatArray:
    """(h, w) float32: how far each pixel is from a smooth ground laid through the border."""
    lab = cv2.cvtColor(small_bgr, cv2.COLOR_BGR2Lab).astype(np.float32)
    height, width = lab.shape[:2]
    terms, border, solver = _ground_terms(height, width)
    pixels = lab.reshape(-1, 3)
    ground = terms @ (solver @ pixels[border])
    distance = np.sqrt(((pixels - ground) ** 2).sum(axis=1)).reshape(height, width)
    return cv2.GaussianBlur(distance.astype(np.float32), (3, 3), 0)  # type: ignore[return-value]


@lru_cache(maxsize=8)
def _ground_terms(height: int, width: int) -> tuple[Any, Any, Any]:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1).reshape(-1, 6)
    rim = max(2, round(0.04 * max(height, width)))
    inner = np.zeros((height, width), bool)
    inner[rim : height - rim, rim : width - rim] = True
    border = np.flatnonzero(~inner.ravel())
    return terms, border, np.linalg.pinv(terms[border])


def _best_box(contrast: FloatArray) -> tuple[int, int, int, int] | None:
    levels = np.clip(contrast, 0, 255).astype(np.uint8)
    least, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    _, mask = cv2.threshold(levels, max(_LEAST_CONTRAST, 0.6 * least), 1, cv2.THRESH_BINARY)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, _, stats, centres = cv2.connectedComponentsWithStats(mask)
    fit = [i for i in range(1, len(stats)) if stats[i, 4] >= _LEAST_SHARE * mask.size]
    if not fit:
        return None
    middle = np.array(mask.shape[::-1]) / 2
    away = [np.linalg.norm((centres[i] - middle) / middle) for i in fit]
    best = max(range(len(fit)), key=lambda k: stats[fit[k], 4] * (1.2 - away[k] / 1.5))
    x, y, width, height = (int(v) for v in stats[fit[best], :4])
    return x, y, width, height


def _in_picture(
    box: tuple[int, int, int, int], small: tuple[int, ...], shape: tuple[int, ...]
) -> Stone:
    down, across = shape[0] / small[0], shape[1] / small[1]
    x, y = int(box[0] * across), int(box[1] * down)
    width = min(shape[1] - x, max(1, round(box[2] * across)))
    height = min(shape[0] - y, max(1, round(box[3] * down)))
    return Stone(x, y, width, height, width * height / (shape[0] * shape[1]))
