"""A drawn stone: as a sprite with its coverage, or as a product photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.render.cabochon import Dome, make_dome
from deploy.render.cuts import outline, solid
from deploy.render.facets import Beams, Medium, trace
from deploy.render.ground import GROUNDS, cast_shadow, make_ground, mirror_below
from deploy.render.light import Light, make_light
from deploy.render.looks import Look, linear_bgr, look_of
from deploy.render.noise import as_float, blurred, clouds, resized
from deploy.render.tone import tone_mapped

_FINEST_PX = 340
_SOFTEN_PX = 0.9  # the blur that hides the steps of facet edges where they are not averaged


@dataclass(frozen=True)
class Stone:
    """One stone, cut and laid down; `lit` shows it under a light."""

    look: Look
    form: Beams | Dome
    marks: FloatArray  # (H, W) factors: inclusions, zoning
    exposure: float

    def lit(self, light: Light, size_px: int) -> tuple[ByteArray, FloatArray]:
        """(size_px, size_px, 3) uint8 BGR and its (size_px, size_px) float32 coverage, 0 to 1."""
        faceted = isinstance(self.form, Beams)
        image, alpha = _facets(self, light) if faceted else _dome(self, light)
        bgr = np.clip(image * self.marks[..., None], 0, 255).astype(np.uint8)
        how = cv2.INTER_AREA
        if size_px >= len(alpha):
            how, bgr, alpha = cv2.INTER_CUBIC, blurred(bgr, _SOFTEN_PX), blurred(alpha, _SOFTEN_PX)
        bgr = resized(bgr, size_px, how)
        return bgr, as_float(np.clip(resized(alpha, size_px, how), 0, 1))


def _facets(stone: Stone, light: Light) -> tuple[Any, Any]:
    form: Any = stone.form
    colours = tone_mapped(form.lit(light), stone.exposure)
    image = np.vstack([colours, colours.mean(axis=0, keepdims=True)])[form.owner]
    edges = np.zeros(form.front.shape, np.float32)
    edges[:, 1:] += form.front[:, 1:] != form.front[:, :-1]
    edges[1:] += form.front[1:] != form.front[:-1]
    image += (np.minimum(edges, 1) * 16)[..., None]  # polished edges catch some light
    return image, (form.owner >= 0).astype(np.float32)


def _dome(stone: Stone, light: Light) -> tuple[Any, Any]:
    form: Any = stone.form
    return tone_mapped(form.lit(light), stone.exposure), form.coverage


def make_stone(
    label: str, rng: np.random.Generator, size_px: int, finest_px: int = _FINEST_PX
) -> Stone:
    """Cut a stone of this kind; the generator decides cut, proportions, colour and position.

    Args:
        size_px: how large it will be shown.
        finest_px: its beams are traced at most this finely; what is larger is interpolated.
    """
    look = look_of(label)
    traced_px = int(min(finest_px, max(48, size_px * 1.5)))
    cut = look.cuts[rng.integers(len(look.cuts))]
    points = outline(cut, rng)
    yaw = rng.uniform(0, 2 * np.pi)
    if look.cabochon:
        turned = as_float(points @ _rotation(0, yaw)[:2, :2].T)
        form: Beams | Dome = make_dome(look, turned, traced_px, rng)
    else:
        body = solid(cut, points, look.index, rng).turned(_rotation(rng.uniform(-0.14, 0.14), yaw))
        form = trace(body, traced_px, _medium(look, rng), bounces=6 if look.index > 2 else 4)
    return Stone(look, form, _marks(look, traced_px, rng), float(rng.uniform(0.85, 1.25)))


def _rotation(tilt: float, yaw: float) -> FloatArray:
    """Turn by `yaw` about the vertical, then by `tilt` about x. In radians."""
    ct, st, cy, sy = np.cos(tilt), np.sin(tilt), np.cos(yaw), np.sin(yaw)
    return as_float(
        np.array([[1, 0, 0], [0, ct, -st], [0, st, ct]])
        @ np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    )


def _medium(look: Look, rng: np.random.Generator) -> Medium:
    """Beer and Lambert's law: `body` is what is left after two girdle radii."""
    depth = rng.uniform(*look.depth) / 2
    absorption = -np.log(linear_bgr(look.body)) * depth
    absorption *= 1 + rng.uniform(-0.08, 0.08, 3)  # no two stones have quite the same hue
    second = -np.log(linear_bgr(look.second)) * depth if look.second else absorption
    axis = rng.standard_normal(3)
    index = look.index + look.dispersion * np.array([0.5, 0.0, -0.5])
    return Medium(
        as_float(index), as_float(absorption), as_float(second), as_float(axis / _length(axis))
    )


def _length(vector: Any) -> float:
    return float(np.linalg.norm(vector))


def _marks(look: Look, size_px: int, rng: np.random.Generator) -> FloatArray:
    """What lies inside: clouds, and a few feathers, as factors on the picture."""
    haze = 1 + 0.10 * look.inclusions * clouds(size_px, rng, cells=6, octaves=4)
    if look.cabochon:
        return as_float(haze)
    feathers = np.zeros((size_px, size_px), np.float32)
    for _ in range(rng.poisson(7 * look.inclusions)):
        start = rng.uniform(0.25, 0.75, 2)
        bends = start + np.cumsum(rng.normal(0, 0.045, (int(rng.integers(3, 7)), 2)), axis=0)
        line = np.round(bends * size_px * 16).astype(np.int32)
        cv2.polylines(feathers, [line], False, float(rng.uniform(-1, 1)), 1, cv2.LINE_AA, 4)
    return as_float(haze + 0.5 * blurred(feathers, size_px / 260))


def stone_sprite(
    label: str, rng: np.random.Generator, size_px: int, light: Light | None = None
) -> tuple[ByteArray, FloatArray]:
    """Draw a stone alone.

    Args:
        label: any name; `looks.LOOKS` holds the reviewed ones.
        rng: decides everything else; the same state gives the same pixels.
        size_px: side of the square; the stone's longest half-axis takes 98 % of half of it.
        light: None makes one, over a light grey ground.

    Returns:
        (size_px, size_px, 3) uint8 BGR, not premultiplied, and (size_px, size_px) float32
        coverage, 0 to 1.
    """
    stone = make_stone(label, rng, size_px)
    grey = np.full(3, 0.6, np.float32)
    return stone.lit(light or make_light(rng, grey, stone.look.sparkle), size_px)


def render_stone(label: str, rng: np.random.Generator, size_px: int = 288) -> ByteArray:
    """Draw a stone as a product photograph shows it.

    Args:
        label: any name; `looks.LOOKS` holds the reviewed ones.
        rng: decides everything else; the same state gives the same pixels on one machine.
        size_px: side of the picture; the stone fills 50 to 88 % of it.

    Returns:
        (size_px, size_px, 3) uint8, BGR.
    """
    look = look_of(label)
    kind = _choose_ground(look, rng)
    picture = make_ground(kind, size_px, rng)
    light = make_light(rng, as_float((picture.mean(axis=(0, 1)) / 255) ** 2.2), look.sparkle)
    bgr, alpha = _placed(label, rng, size_px, light)
    picture = _grounded(picture, bgr, alpha, light, look, kind, rng)
    picture = as_float(picture + (bgr - picture) * alpha[..., None])
    return _photographed(picture, rng)


def _choose_ground(look: Look, rng: np.random.Generator) -> str:
    if rng.uniform() < look.dark_ground:
        return "black"
    share = np.array(list(GROUNDS.values()))
    return str(rng.choice(list(GROUNDS), p=share / share.sum()))


def _placed(
    label: str, rng: np.random.Generator, size_px: int, light: Light
) -> tuple[ByteArray, FloatArray]:
    """The sprite somewhere near the middle of a picture's square."""
    side = int(size_px * rng.uniform(0.5, 0.88))
    sprite, coverage = stone_sprite(label, rng, side, light)
    room = size_px - side
    left, top = (int(room * rng.uniform(0.35, 0.65)) for _ in range(2))
    bgr = np.zeros((size_px, size_px, 3), np.uint8)
    alpha = np.zeros((size_px, size_px), np.float32)
    bgr[top : top + side, left : left + side] = sprite
    alpha[top : top + side, left : left + side] = coverage
    return bgr, alpha


def _grounded(
    picture: FloatArray,
    bgr: ByteArray,
    alpha: FloatArray,
    light: Light,
    look: Look,
    kind: str,
    rng: np.random.Generator,
) -> FloatArray:
    tint = linear_bgr(look.body) * (0.3 if look.cabochon else 0.8)
    if kind in ("white", "gradient", "grey", "black") and rng.uniform() < 0.5:
        picture = mirror_below(picture, bgr, alpha, rng.uniform(0.1, 0.4))
    away = -light.boxes[0, 0, :2]
    return cast_shadow(picture, alpha, as_float(tint), away, rng.uniform(0.3, 0.75))


def _photographed(picture: FloatArray, rng: np.random.Generator) -> ByteArray:
    """A lens that is never quite sharp, exposure, and a sensor's noise."""
    picture = blurred(picture, rng.uniform(0.2, 0.75)) * rng.uniform(0.92, 1.06)
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * rng.uniform(0.4, 2.2)
    return np.asarray(np.clip(picture + noise + 0.5, 0, 255), np.uint8)
