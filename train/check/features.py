"""What the quick model sees of a picture: how much of which colour, and how rough it is."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deploy.arrays import ByteArray

# The eight neighbours of a pixel in a 3 x 3 window, once around.
AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
NOT_UNIFORM = 9


def describe(square_rgb: ByteArray) -> npt.NDArray[np.float16]:
    """(380,) float16: histograms of the square and of its middle, where the stone lies.

    Args:
        square_rgb: (S, S, 3) uint8.
    """
    edge = square_rgb.shape[0] // 4
    middle = np.ascontiguousarray(square_rgb[edge:-edge, edge:-edge])
    parts = [*_histograms(square_rgb), *_histograms(middle), _counts(square_rgb, [0, 1, 2], 6)]
    return np.concatenate([part / part.sum() for part in parts]).astype(np.float16)


def _histograms(square_rgb: ByteArray) -> list[Any]:
    """Three colour channels in 8 steps, 12 x 4 of hue and saturation, 10 local binary patterns."""
    hsv = cv2.cvtColor(square_rgb, cv2.COLOR_RGB2HSV)
    hue_saturation = cv2.calcHist([hsv], [0, 1], None, [12, 4], [0, 180, 0, 256]).ravel()
    channels = [_counts(square_rgb, [channel], 8) for channel in range(3)]
    grey = cv2.cvtColor(square_rgb, cv2.COLOR_RGB2GRAY)
    return [*channels, hue_saturation, _patterns(grey)]


def _counts(square_rgb: ByteArray, channels: list[int], steps: int) -> Any:
    size, limits = [steps] * len(channels), [0, 256] * len(channels)
    return cv2.calcHist([square_rgb], channels, None, size, limits).ravel()


def _patterns(grey: Any) -> Any:
    """Counts of uniform local binary patterns by their bits, (10,); the last is all others.

    Source: Ojala, Pietikäinen and Mäenpää 2002, with the eight nearest pixels as they are.
    """
    height, width = grey.shape
    centre = grey[1:-1, 1:-1]
    code = np.zeros(centre.shape, np.uint8)
    for bit, (y, x) in enumerate(AROUND):
        code |= (grey[y : y + height - 2, x : x + width - 2] >= centre).astype(np.uint8) << bit
    return np.bincount(_pattern_numbers()[code.ravel()], minlength=NOT_UNIFORM + 1)


@cache
def _pattern_numbers() -> ByteArray:
    """For each of 256 codes: its bits where it changes at most twice once around, else 9."""
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= 2, bits.sum(axis=1), NOT_UNIFORM).astype(np.uint8)
