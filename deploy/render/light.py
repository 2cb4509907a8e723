"""The light around a stone: a dome, softboxes, the dark camera above, the ground below."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deploy.arrays import FloatArray


@dataclass(frozen=True)
class Light:
    """Radiance by direction. Vectors are (x right, y down, z to the camera); colours linear BGR.

    boxes: (K, 3, 3) float32: for each softbox its direction and its two half-edges' directions.
    widths: (K, 2) half-widths as sines of angles. strengths: (K,).
    """

    tint: FloatArray
    dome: float
    horizon: float
    camera: float
    camera_cos: float
    ground: FloatArray
    boxes: FloatArray
    widths: FloatArray
    strengths: FloatArray

    def seen(self, directions: FloatArray) -> FloatArray:
        """(..., 3) unit directions to (..., 3) linear BGR radiance."""
        level, below = self._levels(directions)
        sky = level[..., None] * self.tint
        return np.asarray(sky * (1 - below)[..., None] + self.ground * below[..., None], np.float32)

    def seen_by_colour(self, directions: FloatArray) -> FloatArray:
        """(B, 3, 3), a unit direction for each of blue, green and red, to (B, 3) radiance."""
        level, below = self._levels(directions)
        return np.asarray(level * self.tint * (1 - below) + self.ground * below, np.float32)

    def _levels(self, directions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(...) radiance of the upper half, without colour, and the share of the ground."""
        up = directions[..., 2]
        rise = np.clip(up * 2.2, 0, 1)
        level = self.horizon + (self.dome - self.horizon) * rise * rise
        level = level + (self.camera - level) * _step(up, self.camera_cos, 0.02)
        return np.asarray(level + self._boxes(directions), np.float32), _step(-up, 0.0, 0.08)

    def _boxes(self, directions: FloatArray) -> FloatArray:
        total = np.zeros(directions.shape[:-1], np.float32)
        for (centre, across, along), (wide, tall), strength in zip(
            self.boxes, self.widths, self.strengths, strict=True
        ):
            inside = _step(wide - np.abs(directions @ across), 0.0, 0.05)
            inside *= _step(tall - np.abs(directions @ along), 0.0, 0.05)
            total += strength * inside * (directions @ centre > 0)
        return total

    def with_one_softbox(self) -> Light:
        """The same light, but the softboxes after the first at a sixth of their strength."""
        strengths = np.asarray(self.strengths / 6, np.float32)
        strengths[0] = self.strengths[0]
        return replace(self, strengths=strengths)

    def turned(self, angle: float) -> Light:
        """The same light after a turn of its softboxes about the vertical, in radians."""
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)
        return replace(self, boxes=np.asarray(self.boxes @ turn.T, np.float32))


def _step(value: FloatArray, edge: float, soft: float) -> FloatArray:
    """A soft threshold, 0 to 1."""
    return np.asarray(np.clip((value - edge) / soft + 0.5, 0, 1), np.float32)


def make_light(rng: np.random.Generator, ground: FloatArray, sparkle: float = 0.0) -> Light:
    """A plausible jeweller's photograph: two or three softboxes in a light tent, and some lamps.

    Args:
        ground: (3,) linear BGR of what the stone lies on.
        sparkle: 0 for an even light, 1 for a dim dome with many bright lamps.
    """
    warm = rng.uniform(-0.06, 0.06)
    tint = np.array([1 - warm, 1.0, 1 + warm], np.float32)
    large, small = int(rng.integers(2, 4)), int(rng.integers(2, 7) + 6 * sparkle)
    count = large + small
    first = rng.uniform(0, 2 * np.pi)
    placed = [_box(rng, first + k * 2 * np.pi / large) for k in range(count)]
    # Softboxes light the stone; small bright lamps make it sparkle.
    widths = [*rng.uniform(0.14, 0.34, (large, 2)), *rng.uniform(0.03, 0.07, (small, 2))]
    strengths = [*np.sort(rng.uniform(0.9, 2.8, large))[::-1], *rng.uniform(3, 8, small)]
    return Light(
        tint=tint,
        dome=float(rng.uniform(0.35, 0.7) * (1 - 0.4 * sparkle)),
        horizon=float(rng.uniform(0.06, 0.22)),
        camera=float(rng.uniform(0.03, 0.16)),
        camera_cos=float(np.cos(np.radians(rng.uniform(9, 17) + 9 * sparkle))),
        ground=np.asarray(ground * 0.45 * tint, np.float32),
        boxes=np.stack(placed),
        widths=np.asarray(widths, np.float32),
        strengths=np.asarray(strengths, np.float32),
    )


def _box(rng: np.random.Generator, around: float) -> FloatArray:
    around += rng.uniform(-0.4, 0.4)
    tilt = np.radians(rng.uniform(28, 62))
    centre = [np.sin(tilt) * np.cos(around), np.sin(tilt) * np.sin(around), np.cos(tilt)]
    across = [-np.sin(around), np.cos(around), 0.0]
    return np.asarray([centre, across, np.cross(centre, across)], np.float32)
