"""Smooth random fields: clouds in a stone, the nap of a cloth."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from deploy.arrays import FloatArray


def clouds(
    size_px: int, rng: np.random.Generator, *, cells: int = 4, octaves: int = 3, stretch: int = 1
) -> FloatArray:
    """(size_px, size_px) float32 of soft random shapes, mean 0, standard deviation 1.

    Args:
        cells: how many shapes of the coarsest octave lie across.
        stretch: how many times longer than wide they are, along the rows' direction (y).
    """
    total = np.zeros((size_px, size_px), np.float32)
    for octave in range(octaves):
        across = max(2, cells * 2**octave)
        grid = rng.standard_normal((max(2, across // stretch), across)).astype(np.float32)
        total += resized(grid, size_px, cv2.INTER_CUBIC) / 1.8**octave
    return as_float((total - total.mean()) / max(float(total.std()), 1e-6))


def resized(image: Any, size_px: int, how: int = cv2.INTER_LINEAR) -> Any:
    """A square picture of any depth, resized; `Any`, since OpenCV's stubs name no dtype."""
    return cv2.resize(image, (size_px, size_px), interpolation=how)


def blurred(image: Any, sigma_px: float) -> Any:
    """Gaussian blur; an image, or a field, of the same kind."""
    return cv2.GaussianBlur(image, (0, 0), max(sigma_px, 0.05))


def as_float(values: Any) -> FloatArray:
    """float32, contiguous."""
    return np.ascontiguousarray(values, dtype=np.float32)


def smoothstep(values: Any, low: float, high: float) -> FloatArray:
    """0 below `low`, 1 above `high`, and smooth between."""
    part = np.clip((values - low) / (high - low), 0, 1)
    return as_float(part * part * (3 - 2 * part))
