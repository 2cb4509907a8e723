"""Cabochons: polished domes, and what shows in them: a cat's eye, a star, bands, clouds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from deploy.arrays import FloatArray
from deploy.render.light import Light
from deploy.render.looks import Look, linear_bgr
from deploy.render.noise import as_float, blurred, clouds, resized, smoothstep

_COARSE_PX = 72  # the dome is smooth: its height is computed coarsely and interpolated


@dataclass(frozen=True)
class Dome:
    """A cabochon seen from above, which can be lit again and again.

    coverage: (H, W) 0 to 1.
    normals: (H, W, 3) unit. surface: (H, W, 3) linear BGR, the colour of the material.
    sheen: (H, W) strength of the cat's eye or the star, which the fibres send to the camera.
    """

    coverage: FloatArray
    normals: FloatArray
    surface: FloatArray
    sheen: FloatArray
    translucency: float

    def lit(self, light: Light) -> FloatArray:
        """(H, W, 3) linear BGR."""
        towards = light.boxes[0, 0]
        facing = self.normals @ towards
        # A translucent stone glows on the side that is turned away from the light.
        glow = 0.5 - 0.45 * (self.normals[..., :2] @ towards[:2])
        diffuse = 0.3 + 0.75 * np.maximum(facing, 0)
        level = diffuse * (1 - self.translucency) + (0.35 * diffuse + glow) * self.translucency
        level = level * (0.55 + 0.45 * self.normals[..., 2])
        body = self.surface * (level * 1.15)[..., None]
        pale = 0.45 * self.surface + 0.55 * float(self.surface.max())
        body = body + pale * (self.sheen * 1.9)[..., None]
        return as_float(body * light.tint + self._mirrored(light))

    def _mirrored(self, light: Light) -> Any:
        """What the polish reflects. Reflectance after Schlick (1994), for an index near 1.6."""
        up = self.normals[..., 2]
        way = 2 * up[..., None] * self.normals - np.array([0, 0, 1], np.float32)
        share = 0.055 + 0.945 * (1 - np.clip(up, 0, 1)) ** 5
        seen = light.with_one_softbox().seen(as_float(way))
        lamps = np.maximum(seen - light.dome, 0)  # a lamp's image is what one notices
        return (2.6 * lamps + 0.5 * seen) * np.minimum(share, 0.3)[..., None]


def make_dome(look: Look, points: FloatArray, size_px: int, rng: np.random.Generator) -> Dome:
    """A cabochon with the girdle `points`, drawn as (size_px, size_px) of [-1.02, 1.02] squared."""
    gauge = resized(_gauge(points), size_px, cv2.INTER_CUBIC)
    normals = _normals(gauge, rng.uniform(0.5, 0.75))
    axis = _short_axis(points)
    share = _second_share(look, size_px, axis, rng)
    pixel = 2.04 / size_px
    return Dome(
        coverage=smoothstep(-gauge, -1 - pixel, -1 + pixel),
        normals=normals,
        surface=_surface(look, share, rng),
        sheen=_sheen(look, normals, axis, rng),
        translucency=look.translucency,
    )


def _gauge(points: FloatArray) -> FloatArray:
    """1 on the girdle, in proportion to the distance from the centre inside and outside it."""
    axis = (np.arange(_COARSE_PX, dtype=np.float32) + 0.5) / _COARSE_PX * 2.04 - 1.02
    grid = np.stack(np.meshgrid(axis, axis), axis=2).reshape(-1, 2)
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    ways = np.stack([np.cos(angle), np.sin(angle)])
    support = (points @ ways).max(axis=0)
    return as_float((grid @ (ways / support)).max(axis=1).reshape(_COARSE_PX, _COARSE_PX))


def _normals(gauge: Any, height: float) -> FloatArray:
    dome = height * np.sqrt(np.clip(1.02 - np.clip(gauge, 0, 1) ** 2.3, 0, None))
    dome = blurred(as_float(dome), len(gauge) / 90)
    slope_y, slope_x = np.gradient(dome, 2.04 / len(gauge))
    normal = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], axis=2)
    return as_float(normal / np.linalg.norm(normal, axis=2, keepdims=True))


def _short_axis(points: FloatArray) -> FloatArray:
    """The unit direction in which the outline is narrowest: fibres lie along it."""
    angle = np.linspace(0, np.pi, 90, endpoint=False)
    ways = np.stack([np.cos(angle), np.sin(angle)])
    return as_float(ways[:, (points @ ways).max(axis=0).argmin()])


def _second_share(look: Look, size_px: int, axis: Any, rng: np.random.Generator) -> FloatArray:
    """How much of `second` there is at each pixel, 0 to 1; for bands, where in the sequence."""
    field = clouds(size_px, rng, cells=int(rng.integers(2, 5)), octaves=4)
    if look.phenomenon == "bands":
        around = rng.uniform(0, 2 * np.pi)
        position = np.linspace(-1, 1, size_px, dtype=np.float32)
        along = np.cos(around) * position[None, :] + np.sin(around) * position[:, None]
        return as_float(along * rng.uniform(0.7, 1.6) + 0.04 * field + rng.uniform(0, 9))
    if look.phenomenon == "mottled":
        return smoothstep(field, -1.2, 1.6)
    return as_float(np.clip(0.25 + 0.16 * field, 0, 1))


def _surface(look: Look, share: FloatArray, rng: np.random.Generator) -> FloatArray:
    body = linear_bgr(look.body)
    second = linear_bgr(look.second or look.body)
    if look.phenomenon == "bands":
        colours = _bands(share, body, second, rng)
    else:
        colours = body + (second - body) * share[..., None]
    clouded = 1 - 0.2 * look.inclusions * clouds(len(share), rng, cells=5, octaves=4)
    hue = 1 + rng.uniform(-0.18, 0.18, 3)  # no two stones have quite the same
    return as_float(colours * np.clip(clouded, 0.4, 1.5)[..., None] * hue * rng.uniform(0.7, 1.2))


def _bands(share: FloatArray, body: Any, second: Any, rng: np.random.Generator) -> Any:
    """Layers of uneven width in body, second, nearly clear and dark, along `share`."""
    palette = np.stack([body, second, 0.35 * body + 0.45, 0.4 * body, 0.6 * second + 0.25])
    count = 64
    chosen = palette[rng.integers(0, len(palette), count)]
    chosen = 0.65 * chosen + 0.35 * np.roll(chosen, 1, axis=0)
    edges = np.cumsum(rng.uniform(0.06, 0.36, count))
    return np.stack([np.interp(share, edges - 1, chosen[:, k]) for k in range(3)], axis=2)


def _sheen(look: Look, normals: FloatArray, axis: Any, rng: np.random.Generator) -> FloatArray:
    """Fibres send light to the camera where the dome, along them, faces the lamp."""
    if look.phenomenon not in ("cats-eye", "star"):
        return np.zeros(normals.shape[:2], np.float32)
    turns = (0.0,) if look.phenomenon == "cats-eye" else (0.0, np.pi / 3, 2 * np.pi / 3)
    offset, width = rng.uniform(-0.12, 0.12), rng.uniform(0.07, 0.13) / len(turns) ** 0.5
    total = np.zeros(normals.shape[:2], np.float32)
    for turn in turns:
        c, s = np.cos(turn), np.sin(turn)
        fibre = np.array([c * axis[0] - s * axis[1], s * axis[0] + c * axis[1]])
        across = normals[..., :2] @ fibre - offset
        total += np.exp(-((across / width) ** 2)) + 0.22 * np.exp(-((across / (4 * width)) ** 2))
    streaks = 1 + 0.12 * clouds(len(total), rng, cells=24, octaves=2)
    return as_float(total * streaks * np.clip(normals[..., 2], 0, 1) * rng.uniform(0.7, 1.0))
