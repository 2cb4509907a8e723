"""The same stone as a camera may see it another time: a little turned, nearer, in other light."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from deploy.arrays import ByteArray

TURN_DEGREES, SCALE, SHIFT = 8.0, 0.08, 0.04  # at most; SHIFT in parts of the shorter side
LIGHT, CAST = 0.08, 0.03  # at most, in parts of each channel


def views(picture_bgr: ByteArray, count: int, rng: np.random.Generator) -> Iterator[ByteArray]:
    """The picture itself, then `count` views of it; all (H, W, 3) uint8, BGR."""
    yield picture_bgr
    for _ in range(count):
        yield _lit(_moved(picture_bgr, rng), rng)


def _moved(picture: ByteArray, rng: np.random.Generator) -> ByteArray:
    height, width = picture.shape[:2]
    turn, scale = rng.uniform(-TURN_DEGREES, TURN_DEGREES), rng.uniform(1 - SCALE, 1 + SCALE)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
    matrix[:, 2] += rng.uniform(-SHIFT, SHIFT, 2) * min(height, width)
    moved = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved[:, ::-1] if rng.random() < 0.5 else moved, np.uint8)


def _lit(picture: ByteArray, rng: np.random.Generator) -> ByteArray:
    gain = rng.uniform(1 - LIGHT, 1 + LIGHT) * rng.uniform(1 - CAST, 1 + CAST, 3)
    return np.clip(picture * gain + 0.5, 0, 255).astype(np.uint8)
