"""The counter a scanner stands on: a felt tray under a soft lamp, without a stone."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.render.noise import as_float, blurred, clouds, smoothstep

_FELT_BGR = (118.0, 112.0, 106.0)
_COUNTER_BGR = (34.0, 44.0, 62.0)


def make_tray(width_px: int, height_px: int, rng: np.random.Generator) -> ByteArray:
    """(height_px, width_px, 3) uint8 BGR: a tray whose felt covers the central square."""
    size = (width_px, height_px)
    felt = _felt(size, rng)
    counter = _counter(size, rng)
    inside = _rounded(size, margin=0.018)
    rim = np.clip(inside - _rounded(size, margin=0.034), 0, 1)
    shade = blurred(inside, height_px * 0.02)
    scene = counter * (1 - 0.5 * shade)[..., None] * (1 - inside)[..., None]
    scene += felt * inside[..., None] * (0.8 + 0.2 * smoothstep(shade, 0.5, 1.0))[..., None]
    scene += (rim * 26)[..., None]
    return np.asarray(np.clip(scene * _lamp(size)[..., None] + 0.5, 0, 255), np.uint8)


def _felt(size: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    width, height = size
    nap = 4.0 * rng.standard_normal((height, width), dtype=np.float32)
    nap += 2.5 * _stretched(clouds(256, rng, cells=40, octaves=2), size)
    return as_float(np.array(_FELT_BGR, np.float32) + nap[..., None])


def _counter(size: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Dark wood: clouds drawn out along the grain."""
    grain = _stretched(clouds(256, rng, cells=48, octaves=2, stretch=16), size)
    return as_float(np.array(_COUNTER_BGR, np.float32) * (1 + 0.13 * grain)[..., None])


def _stretched(field: FloatArray, size: tuple[int, int]) -> Any:
    return cv2.resize(field, size, interpolation=cv2.INTER_LINEAR)


def _rounded(size: tuple[int, int], margin: float) -> FloatArray:
    """1 inside a rounded square a little wider than the frame is high, soft at its border."""
    width, height = size
    inset = margin * height
    half = np.array([height * 0.56, height * 0.5]) - inset
    radius = height * 0.07
    x = np.abs(np.arange(width) - width / 2 + 0.5)[None, :] - half[0] + radius
    y = np.abs(np.arange(height) - height / 2 + 0.5)[:, None] - half[1] + radius
    distance = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) - radius
    return smoothstep(-distance, -1.0, 1.0)


def _lamp(size: tuple[int, int]) -> FloatArray:
    """A lamp above the left of the tray, and the lens' falloff towards the corners."""
    width, height = size
    x = (np.arange(width, dtype=np.float32) - width / 2)[None, :] / height
    y = (np.arange(height, dtype=np.float32) - height / 2)[:, None] / height
    pool = np.exp(-((x + 0.12) ** 2 + (y + 0.1) ** 2) / 0.9)
    return as_float((0.5 + 0.68 * pool) * (1 - 0.22 * (x**2 + y**2)))
