"""Drawn trays of any colour, stones with shadow and reflection, hands, a blurred lens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.render import stone_sprite
from deploy.render.ground import cast_shadow, make_ground, mirror_below

WIDTH, HEIGHT = 640, 360
SKIN_BGR = (120, 150, 210)


@dataclass(frozen=True)
class Laid:
    """A stone that lies on a tray.

    x, y: its middle in pixels; side: of the square it is drawn in.
    shadow: 0 to 1; mirrored: how strongly a polished tray shows it upside down.
    """

    label: str = "Ruby"
    x: float = WIDTH / 2
    y: float = HEIGHT / 2
    side: int = 130
    seed: int = 1
    turned: float = 0.0
    shadow: float = 0.6
    mirrored: float = 0.0


def tray(kind: str = "grey", seed: int = 0) -> ByteArray:
    """(360, 640, 3) uint8 BGR: an empty tray, without noise."""
    return np.asarray(make_ground(kind, WIDTH, np.random.default_rng(seed))[:HEIGHT], np.uint8)


def lay(ground: ByteArray, *stones: Laid) -> ByteArray:
    """The tray with stones on it."""
    picture = ground.astype(np.float32)
    for stone in stones:
        picture = _with(picture, stone)
    return np.clip(picture, 0, 255).astype(np.uint8)


def photographed(
    picture: ByteArray, grain: int = 0, blur: float = 0.0, noise: float = 2.0
) -> ByteArray:
    """As a camera gives it: a blurred lens, a sensor's noise, a JPEG."""
    if blur:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)  # type: ignore[assignment]
    noisy = picture + noise * np.roll(_noise(), 7919 * (grain + 1))
    written = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8), [1, 85])[1]
    return cv2.imdecode(written, 1)  # type: ignore[return-value]


def reach_in(
    picture: ByteArray, tip: tuple[int, int], colour: tuple[int, ...] = SKIN_BGR
) -> ByteArray:
    """A hand that comes from the right and whose finger ends at `tip`."""
    x, y = tip
    hand = np.array(
        [
            (WIDTH, y - 110),
            (x + 150, y - 70),
            (x, y - 18),
            (x, y + 18),
            (x + 150, y + 60),
            (WIDTH, y + 130),
        ]
    )
    drawn = picture.copy()
    cv2.fillPoly(drawn, [hand], colour, cv2.LINE_AA)
    return drawn


def shaded(picture: ByteArray, x: int, y: int, reach: int, strength: float) -> ByteArray:
    """A soft shadow, as of somebody who bends over the tray."""
    dark = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(dark, (x, y), reach, strength, -1)
    light = 1 - cv2.GaussianBlur(dark, (0, 0), reach / 2.5)
    return np.asarray(picture * light[..., None], np.uint8)


def _with(picture: np.ndarray, stone: Laid) -> np.ndarray:
    bgr, alpha = _sprite(stone.label, stone.seed, stone.side)
    middle = (stone.side / 2, stone.side / 2)
    matrix = cv2.getRotationMatrix2D(middle, np.degrees(stone.turned), 1.0)
    matrix[:, 2] += (stone.x - middle[0], stone.y - middle[1])
    large = cv2.warpAffine(bgr, matrix, (WIDTH, HEIGHT))
    cover = cv2.warpAffine(alpha, matrix, (WIDTH, HEIGHT))
    if stone.mirrored:
        picture = mirror_below(picture, large, cover, stone.mirrored)
    if stone.shadow:
        picture = _shadowed(picture, cover, stone.shadow)
    return picture + (large - picture) * cover[..., None]


def _shadowed(picture: np.ndarray, cover: np.ndarray, strength: float) -> np.ndarray:
    """`cast_shadow` takes squares; the picture lies in one."""
    square = np.zeros((WIDTH, WIDTH, 3), np.float32)
    square[:HEIGHT] = picture
    alpha = np.zeros((WIDTH, WIDTH), np.float32)
    alpha[:HEIGHT] = cover
    away = np.array([0.08, 0.1], np.float32)
    return cast_shadow(square, alpha, np.array([0.2, 0.2, 0.2], np.float32), away, strength)[
        :HEIGHT
    ]


@lru_cache(maxsize=1)
def _noise() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((HEIGHT, WIDTH, 3), dtype=np.float32)


@lru_cache(maxsize=64)
def _sprite(label: str, seed: int, side: int) -> tuple[ByteArray, np.ndarray]:
    return stone_sprite(label, np.random.default_rng(seed), side)
