"""How sharp a stone is, from the width of its own edges."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.locate import Stone

_SEEN_PX = 224  # the stone's longer side as a network sees it; it is measured at most so large
_NOISE_PX = 0.7  # blur against the sensor's noise, before anything is measured
_AGAIN_PX = 1.5  # the second blur
_STRONGEST = 0.02  # of the pixels: the edges
_LEAST_STEP = 6.0  # grey levels a pixel; less than that is no edge


def blur_px(frame_bgr: ByteArray, stone: Stone) -> float:
    """The standard deviation of a stone's blur, in pixels of the square the network sees.

    Where the stone has fewer pixels than that square, in its own: more the camera cannot show.

    A blurred edge is blurred once more: how much its slope falls by that tells how blurred it was,
    whatever its contrast (Zhuo and Sim 2011, "Defocus map estimation from a single image").

    Args:
        frame_bgr: (H, W, 3) uint8, BGR.
        stone: where it lies.

    Returns:
        0 for the sharpest; infinity where the stone shows no edge.
    """
    longer = max(stone.width, stone.height)
    grey = _grey(frame_bgr, stone)
    once = cv2.GaussianBlur(grey, (0, 0), _NOISE_PX)
    slope, slope_again = _slope(once), _slope(cv2.GaussianBlur(once, (0, 0), _AGAIN_PX))
    sample = slope_again[::2, ::2].ravel()
    at_most = round((1 - _STRONGEST) * (len(sample) - 1))
    least = np.partition(sample, at_most)[at_most]
    at = slope_again >= max(least, _LEAST_STEP / 4)
    if not at.any() or slope[at].max() < _LEAST_STEP:
        return float("inf")
    ratio = float(np.median(slope[at] / slope_again[at]))
    sigma = np.sqrt(max(0.0, _AGAIN_PX**2 / max(ratio**2 - 1, 1e-3) - _NOISE_PX**2))
    return float(sigma * min(_SEEN_PX, longer) / max(grey.shape))


def sharpness(blur: float) -> float:
    """A weight, 0 to 1: a half where an edge is as wide as three of the network's pixels."""
    return 1 / (1 + (blur / 1.5) ** 2)


def _grey(frame_bgr: ByteArray, stone: Stone) -> Any:
    """The stone with a rim, in green. Pixels are left out, not averaged, where it is large: that
    keeps sharp what is sharp."""
    rim = max(2, round(0.06 * max(stone.width, stone.height)))
    top, left = max(0, stone.y - rim), max(0, stone.x - rim)
    part = frame_bgr[top : stone.y + stone.height + rim, left : stone.x + stone.width + rim, 1]
    step = -(-max(part.shape) // _SEEN_PX)
    return part[::step, ::step].astype(np.float32)


def _slope(grey: Any) -> Any:
    """Grey levels from a pixel to the next."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return cv2.magnitude(across, down)
