"""What a drawn stone lies on, and the shadow and reflection it has there."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.render.noise import as_float, blurred, clouds

# name: how often, on a photograph that is not on black
GROUNDS = {
    "white": 0.24,
    "gradient": 0.2,
    "grey": 0.16,
    "tinted": 0.12,
    "velvet": 0.1,
    "tray": 0.18,
}


def make_ground(kind: str, size_px: int, rng: np.random.Generator) -> FloatArray:
    """(size_px, size_px, 3) float32 of 0 to 255, BGR: one of `GROUNDS`, or "black"."""
    level, tint, nap = _ground_settings(kind, rng)
    image = np.full((size_px, size_px), level, np.float32)
    image += _sweep(size_px, rng) * {"gradient": 38.0, "white": 6.0}.get(kind, 16.0) * level / 200
    if nap:
        image += nap * rng.standard_normal((size_px, size_px), dtype=np.float32)
        image += 0.6 * nap * clouds(size_px, rng, cells=30, octaves=2)
    return as_float(np.clip(image[..., None] * tint, 0, 255))


def _ground_settings(kind: str, rng: np.random.Generator) -> tuple[float, FloatArray, float]:
    """Grey level, tint in BGR, and strength of the nap."""
    warm = rng.uniform(-0.05, 0.05)
    neutral = np.array([1 - warm, 1, 1 + warm], np.float32)
    if kind in ("tinted", "velvet"):
        neutral = as_float(1 + rng.uniform(-0.16, 0.05, 3))
    low, high, nap = {
        "white": (236, 256, 0.0),
        "gradient": (165, 225, 0.0),
        "grey": (110, 185, 1.0),
        "tinted": (120, 225, 0.5),
        "velvet": (22, 90, 5.0),
        "tray": (60, 165, 4.0),
        "black": (2, 18, 0.6),
    }[kind]
    return float(rng.uniform(low, high)), neutral, nap


def _sweep(size_px: int, rng: np.random.Generator) -> FloatArray:
    """A lamp's falloff: a slope with a soft middle, from about -1 to 1."""
    axis = np.linspace(-1, 1, size_px, dtype=np.float32)
    around = rng.uniform(0, 2 * np.pi)
    slope = np.cos(around) * axis[None, :] + np.sin(around) * axis[:, None]
    return as_float(0.6 * slope - 0.5 * (axis[None, :] ** 2 + axis[:, None] ** 2))


def cast_shadow(
    image: FloatArray, alpha: FloatArray, tint: FloatArray, away: FloatArray, strength: float
) -> FloatArray:
    """Darken the ground where a stone keeps the light off.

    Args:
        image: (H, W, 3) 0 to 255, BGR. alpha: (H, W) the stone's coverage there.
        tint: (3,) BGR 0 to 1: colour of the light that the stone lets through.
        away: (2,) the direction in which the shadow falls, x and y.
        strength: 0 to 1.
    """
    side = len(alpha)
    far = blurred(_shifted(alpha, away * side * 0.05), side * 0.035)
    near = blurred(_shifted(alpha, away * side * 0.012), side * 0.010)
    dark = np.clip(strength * (0.75 * far + 0.45 * near), 0, 0.92)[..., None]
    return as_float(image * (1 - dark * (1 - 0.45 * tint)))


def _shifted(field: FloatArray, by: Any) -> Any:
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    return cv2.warpAffine(field, matrix, field.shape[::-1])


def mirror_below(
    image: FloatArray, bgr: ByteArray, alpha: FloatArray, strength: float
) -> FloatArray:
    """A polished ground shows the stone upside down below itself, weaker with distance."""
    rows = np.flatnonzero(alpha.max(axis=1) > 0.5)
    fold = 2 * int(rows[-1]) - 2 if len(rows) else 0
    matrix = np.array([[1, 0, 0], [0, -1, fold]], np.float32)
    size = alpha.shape[::-1]
    ghost = blurred(cv2.warpAffine(bgr, matrix, size), 1.5)
    drop = np.maximum(np.arange(len(alpha)) - fold / 2, 0) / len(alpha)
    share = cv2.warpAffine(alpha, matrix, size) * (strength * np.exp(-drop * 9))[:, None]
    return as_float(image + (ghost - image) * share[..., None])
