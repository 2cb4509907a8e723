"""Watching the tray around the stone for a light that is not the calibrated one any more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from calibration.camera.correct import written_white
from calibration.camera.profile import CameraProfile
from deploy.arrays import ByteArray

# Where photographs begin to be misread: docs/light.md.
MOST_LEVEL = 0.08  # of the tray's level, in the camera's values
MOST_COLOUR = 0.045  # of blue against red, and of green against both: 300 K at 5,000 K
PERSISTS_S = 3.0
_BACK_AT = 0.7  # of what it takes to have drifted
_SIDE = 12  # cells along each side of the measured area
_RING = 2  # cells from its border inwards: a stone lies in the middle
_LOOKED_AT = 5  # pixels down and across that are looked at in a cell
_PART = 0.75  # of the cells must be away: a hand covers fewer, a lamp lights all
_LEARNED_FROM = 30  # looks, where a grey card was measured and the tray itself is not known
# From the logarithms of (blue, green, red) to level, blue against red, green against both,
# each in units of what is too much.
_AWAY = np.array([[1 / 3, 1, -1 / 2], [1 / 3, 0, 1], [1 / 3, -1, -1 / 2]]) / [
    math.log1p(MOST_LEVEL),
    MOST_COLOUR,
    MOST_COLOUR,
]


@dataclass(frozen=True)
class LightNow:
    """What the tray says of the light.

    drifted: it is not the calibrated one, for 3 s already; or it is not for 3 s yet again.
    away: how far it is from the calibrated one just now; from 1 on it has drifted.
    """

    drifted: bool
    away: float


class LightWatch:
    """Says when the light over the tray has changed, whatever a stone or a hand hides of it."""

    def __init__(self, profile: CameraProfile) -> None:
        self._area = profile.area
        self._expected = _expected(profile)
        self._to_learn: list[Any] | None = [] if profile.reference == "grey" else None
        self._drifted = False
        self._other_since_s: float | None = None

    def look(self, raw_bgr: ByteArray, at_s: float) -> LightNow:
        """Take in a frame as the camera wrote it: once corrected, a white tray is at the end of
        the scale, and a brighter one no different.

        Args:
            raw_bgr: (H, W, 3) uint8, BGR, any size, before `Correction.apply`.
            at_s: when it was taken, by any clock that only goes forward.
        """
        cells = _cells(raw_bgr, self._area)
        if self._to_learn is not None:
            self._learn(cells)
            return LightNow(drifted=False, away=0.0)
        away = float(np.sort(_far(cells - self._expected))[round((1 - _PART) * len(cells))])
        return LightNow(self._believe(away, at_s), away)

    def _learn(self, cells: Any) -> None:
        """A grey card was measured: how the tray looks in the same light is seen at the start."""
        assert self._to_learn is not None
        self._to_learn.append(cells)
        if len(self._to_learn) == _LEARNED_FROM:
            self._expected = np.median(self._to_learn, axis=0)
            self._to_learn = None

    def _believe(self, away: float, at_s: float) -> bool:
        if (away >= (_BACK_AT if self._drifted else 1.0)) == self._drifted:
            self._other_since_s = None
        elif self._other_since_s is None:
            self._other_since_s = at_s
        elif at_s - self._other_since_s >= PERSISTS_S:
            self._drifted, self._other_since_s = not self._drifted, None
        return self._drifted


def _far(logarithms: Any) -> Any:
    """(N,) how far each cell is away: the worst of level and colour, in units of too much."""
    return np.abs(logarithms @ _AWAY).max(axis=1)


def _expected(profile: CameraProfile) -> Any:
    """(N, 3) logarithms of what each cell of the ring shows of a white tray."""
    left, top, right, bottom = profile.area
    size = round(240 / (bottom - top)), round(240 / (right - left))
    return _cells(255 * written_white(profile, size), profile.area)


def _cells(image: Any, area: tuple[float, ...]) -> Any:
    """(N, 3) float32: the logarithm of each cell's mean, of the cells along the area's border."""
    height, width = image.shape[:2]
    left, right = round(area[0] * width), round(area[2] * width)
    top, bottom = round(area[1] * height), round(area[3] * height)
    side = _SIDE * _LOOKED_AT
    looked_at = cv2.resize(
        image[top:bottom, left:right], (side, side), interpolation=cv2.INTER_NEAREST
    )
    means = cv2.resize(looked_at, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.log(np.maximum(means[_ON_RING], 1).astype(np.float32))


def _on_ring() -> Any:
    ring = np.ones((_SIDE, _SIDE), bool)
    ring[_RING:-_RING, _RING:-_RING] = False
    return ring


_ON_RING = _on_ring()
