"""A smooth surface laid through the tray, which neither dust nor a stone bends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from deploy.arrays import FloatArray

POINTS = (13, 17)  # down and across: where it is written down
_DEGREE = 4  # a lens and a lamp are that smooth; more would follow a stone
_ROUNDS = 12
_LEAST_GRAIN = 0.005  # of the level: eight bits and the sensor's noise


@dataclass(frozen=True)
class Surface:
    """A polynomial in x and y, each from -1 to 1 between the borders, for (blue, green, red).

    factors: (terms, 3).
    apart: (rows, columns, 3) how far each cell that was fitted lies above it, as a part of its
        level.
    grain: the usual distance, in the worst channel.
    """

    factors: FloatArray
    apart: FloatArray
    grain: float

    def points(self) -> Any:
        """(13, 17, 3): its levels in points from border to border, at least 1."""
        down, across = POINTS
        y, x = np.mgrid[-1 : 1 : down * 1j, -1 : 1 : across * 1j]
        return np.maximum(_terms(y, x) @ self.factors, 1.0).reshape(down, across, 3)

    def brightest(self) -> Any:
        """(3,) the level of each channel in its brightest place."""
        return self.points().max(axis=(0, 1))

    def largest_spot(self, least: float) -> int:
        """How many cells hang together that are further apart than `least`."""
        spots = (np.abs(self.apart).max(axis=2) > least).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(spots)
        return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))


def fit_surface(cells: FloatArray) -> Surface:
    """Lay it through (rows, columns, 3) cells; what lies apart counts less with every round."""
    terms = _cell_terms(*cells.shape[:2])
    pixels = cells.reshape(-1, 3).astype(np.float64)
    weights = np.ones(len(pixels))
    for _ in range(_ROUNDS):
        weighted = (terms * weights[:, None]).T
        factors = np.linalg.lstsq(weighted @ terms, weighted @ pixels, rcond=None)[0]
        fitted = np.maximum(terms @ factors, 1.0)
        apart = pixels / fitted - 1
        worst = np.abs(apart).max(axis=1)
        grain = max(_LEAST_GRAIN, float(np.median(worst)))
        weights = 1 / (1 + (worst / (2 * grain)) ** 2) ** 2
    return Surface(factors, apart.reshape(cells.shape).astype(np.float32), grain)


@lru_cache(maxsize=8)
def _cell_terms(rows: int, columns: int) -> Any:
    y = (2 * np.arange(rows) + 1) / rows - 1
    x = (2 * np.arange(columns) + 1) / columns - 1
    return _terms(*np.meshgrid(y, x, indexing="ij"))


def _terms(y: Any, x: Any) -> Any:
    """(points, terms): every product of powers of x and y up to the degree."""
    powers = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
    return np.stack([y**i * x**j for i, j in powers], -1).reshape(-1, len(powers))
