"""A simulated camera: the colour and the strength of the light, the lens, the sensor's range."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.srgb import to_encoded, to_linear

REFERENCE_K = 6504.0  # D65, sRGB's own white
LOWEST_K, HIGHEST_K = 1700.0, 20000.0
_DAYLIGHT_FROM_K = 4000.0  # where CIE 15 begins its daylight locus
_STEPS = 16384  # of light between black and white, for the table that encodes
# XYZ of the sRGB primaries, inverted, as IEC 61966-2-1 prints it.
_FROM_XYZ = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)


@dataclass(frozen=True)
class SimulatedCamera:
    """A camera whose white balance stays at 6,504 K, whatever the light is.

    kelvin: the light's colour temperature.
    stops: exposure; +1 is twice the light.
    vignette: part of the light that is missing in the picture's corners, 0 to 0.95.
    """

    kelvin: float = REFERENCE_K
    stops: float = 0.0
    vignette: float = 0.0

    def __post_init__(self) -> None:
        if not LOWEST_K <= self.kelvin <= HIGHEST_K:
            raise ValueError(f"kelvin must be from {LOWEST_K:.0f} to {HIGHEST_K:.0f}")
        if not -16 <= self.stops <= 16:
            raise ValueError("stops must be from -16 to 16")
        if not 0 <= self.vignette <= 0.95:
            raise ValueError("vignette must be from 0 to 0.95")

    def exposed(self, stops: float) -> SimulatedCamera:
        """The same camera in the same light, at another exposure."""
        return replace(self, stops=stops)

    def shoot(self, scene_bgr: ByteArray) -> ByteArray:
        """What it writes of a scene that a perfect camera would write as `scene_bgr`.

        Args:
            scene_bgr: (H, W, 3) uint8, BGR, sRGB; 255 is white under the reference light.

        Returns:
            (H, W, 3) uint8, BGR: clipped at 255, rounded to whole levels.
        """
        gains = _gains(self, *scene_bgr.shape[:2])
        light = cv2.LUT(scene_bgr, _table())
        steps = cv2.multiply(light, gains, dtype=cv2.CV_16U)  # rounds, and stops at 65,535
        written: ByteArray = _encode().take(steps, mode="clip")
        return written


@lru_cache(maxsize=2)
def _gains(camera: SimulatedCamera, height: int, width: int) -> FloatArray:
    """(height, width, 3) float32: from the scene's light to steps of the sensor."""
    white = light_bgr(camera.kelvin) * np.float32(2.0**camera.stops * _STEPS)
    return np.asarray(falloff(height, width, camera.vignette)[..., None] * white, np.float32)


@lru_cache(maxsize=32)
def light_bgr(kelvin: float) -> Any:
    """(3,) float32, BGR: a white surface's light in linear sRGB, with its luminance at 1.

    Source: below 4,000 K the Planckian locus (Kim and others, US patent 7,024,034, 2006), from
        there on CIE daylight (CIE 15:2004). A lamp may lie beside both.
    """
    x, y = _planckian(kelvin) if kelvin < _DAYLIGHT_FROM_K else _daylight(kelvin)
    rgb = _FROM_XYZ @ np.array([x / y, 1.0, (1 - x - y) / y])
    return np.maximum(rgb[::-1], 0).astype(np.float32)


def _planckian(kelvin: float) -> tuple[float, float]:
    """CIE 1931 x, y of a black body between 1,667 and 4,000 K."""
    t = 1e3 / kelvin
    x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    if kelvin < 2222:
        return x, -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    return x, -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867


def _daylight(kelvin: float) -> tuple[float, float]:
    """CIE 1931 x, y of daylight between 4,000 and 25,000 K."""
    t = 1e3 / kelvin
    if kelvin <= 7000:
        x = -4.6070 * t**3 + 2.9678 * t**2 + 0.09911 * t + 0.244063
    else:
        x = -2.0064 * t**3 + 1.9018 * t**2 + 0.24748 * t + 0.237040
    return x, -3.0 * x**2 + 2.870 * x - 0.275


@lru_cache(maxsize=2)
def falloff(height: int, width: int, corner: float) -> FloatArray:
    """(height, width) float32: the fourth power of a cosine, 1 in the middle, 1 - `corner` in
    the corners."""
    slope = (1 - corner) ** -0.5 - 1  # tan² of the angle at which a corner is seen
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * width
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * height
    squared = (x * x + y * y) / (width * width + height * height)
    return np.asarray((1 + slope * squared) ** -2, np.float32)


@lru_cache(maxsize=1)
def _table() -> Any:
    return np.asarray(to_linear(np.arange(256) / 255), np.float32)


@lru_cache(maxsize=1)
def _encode() -> Any:
    return np.rint(to_encoded(np.arange(_STEPS + 1) / _STEPS) * 255).astype(np.uint8)
