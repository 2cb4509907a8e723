"""Light through a faceted stone: beams followed exactly from facet to facet.

Seen from far away every ray enters in the same direction. So all rays that meet the same facets
in the same order stay parallel: they are one beam, with one colour. Beams are followed, not
rays, and only the question "which facet next" is asked for each pixel: the next facet is where
the distance is smallest, and that distance is an affine function of the pixel's position.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.render.cuts import Solid
from deploy.render.light import Light

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_FAR = 1e6
_FEWEST_PIXELS = 5  # a beam this small is not followed further
_BLOCK = 2048  # pixels at a time: their heights over every facet stay in the cache
_FAINTEST = 0.04  # nor one that carries less light than this


@dataclass(frozen=True)
class Medium:
    """What the stone is made of.

    index: (3,) refractive index for blue, green, red.
    absorption: (3,) per girdle radius, BGR; `second` along the axis `axis` (pleochroism).
    """

    index: FloatArray
    absorption: FloatArray
    second: FloatArray
    axis: FloatArray


@dataclass(frozen=True)
class _Bounce:
    """What the beams of one generation add. `parent` points into the generation before."""

    parent: IntArray
    exits: FloatArray  # (B, 3 colours, 3) directions in which light leaves, or came from
    gain: FloatArray  # (B, 3) how much of that light arrives at the camera


@dataclass(frozen=True)
class Beams:
    """A traced stone that can be lit again and again.

    owner: (H, W) the last generation's beam at each pixel, -1 outside the stone.
    front: (H, W) the facet that faces the camera there, -1 outside.
    """

    owner: IntArray
    front: IntArray
    bounces: tuple[_Bounce, ...]

    def lit(self, light: Light) -> FloatArray:
        """(B, 3) linear BGR: the colour of each beam of the last generation."""
        colours = np.zeros((1, 3), np.float32)
        for bounce in self.bounces:
            arriving = light.seen_by_colour(bounce.exits)
            colours = colours[bounce.parent] + bounce.gain * arriving
        return np.asarray(colours, np.float32)


@dataclass
class _Generation:
    """Beams of one generation; `origins @ (x, y, 1)` is where the ray of that pixel starts."""

    origins: FloatArray  # (B, 3, 3)
    directions: FloatArray  # (B, 3)
    weights: FloatArray  # (B,)
    depths: FloatArray  # (B, 3) optical depth so far
    starts: IntArray  # (B + 1,) which rows of the pixel list are whose


def trace(stone: Solid, size_px: int, medium: Medium, bounces: int = 5) -> Beams:
    """Follow the light of every pixel of a (size_px, size_px) view of [-1.02, 1.02] squared."""
    axis = (np.arange(size_px, dtype=np.float32) + 0.5) / size_px * 2.04 - 1.02
    grid = np.stack([*np.meshgrid(axis, axis), np.ones((size_px, size_px), np.float32)], axis=2)
    blocks = np.array_split(grid.reshape(-1, 3), max(1, size_px**2 // _BLOCK))
    front = np.concatenate([_front_facets(stone, block) for block in blocks])
    pixels = np.flatnonzero(front >= 0)
    facet, pixels, starts = _group(front[pixels], pixels, len(stone.offsets))
    points = np.ascontiguousarray(grid.reshape(-1, 3)[pixels])
    generation, entering = _enter(stone, facet, starts, medium)
    history = [entering]
    for _ in range(bounces):
        generation, order, bounce = _advance(stone, generation, points, medium)
        points, pixels = points[order], pixels[order]
        history.append(bounce)
    owner = np.full(size_px * size_px, -1, np.int64)
    owner[pixels] = np.repeat(np.arange(len(generation.weights)), np.diff(generation.starts))
    shape = (size_px, size_px)
    return Beams(owner.reshape(shape), front.reshape(shape), tuple(history))


def _front_facets(stone: Solid, points: FloatArray) -> IntArray:
    """The facet each pixel sees first, -1 where it sees past the stone."""
    up, down = stone.normals[:, 2] > 1e-3, stone.normals[:, 2] < -1e-3
    front, top = _extreme(stone, up, points, np.argmin)
    _, bottom = _extreme(stone, down, points, np.argmax)
    outside = top <= bottom
    middle = (top + bottom)[:, None] / 2
    at = np.concatenate([points[:, :2], middle], axis=1)
    outside |= (at @ stone.girdle_normals.T > stone.girdle_offsets).any(axis=1)
    return np.asarray(np.where(outside, -1, front))


def _extreme(
    stone: Solid, which: Mask, points: FloatArray, choose: Callable[..., Any]
) -> tuple[IntArray, FloatArray]:
    """Of some facets the one that `choose` finds lowest or highest at each point, and its z."""
    normals, offsets = stone.normals[which], stone.offsets[which]
    planes = np.stack([-normals[:, 0], -normals[:, 1], offsets], axis=1) / normals[:, 2:]
    heights = points @ planes.T
    best = choose(heights, axis=1)
    return np.flatnonzero(which)[best], np.take_along_axis(heights, best[:, None], 1)[:, 0]


def _group(keys: IntArray, values: IntArray, limit: int) -> tuple[IntArray, IntArray, IntArray]:
    """Sort `values` by their key: the keys that occur, the sorted values, where each starts."""
    counts = np.bincount(keys, minlength=limit)
    present = np.flatnonzero(counts)
    rank = np.zeros(limit, np.uint16)
    rank[present] = np.arange(len(present))
    order = np.argsort(rank[keys], kind="stable")  # a radix sort, since the ranks are 16-bit
    starts = np.concatenate([[0], np.cumsum(counts[present])])
    return present, values[order], starts


def _enter(
    stone: Solid, facet: IntArray, starts: IntArray, medium: Medium
) -> tuple[_Generation, _Bounce]:
    """Light that comes straight down: what the front facets mirror, and the first beams."""
    normal = stone.normals[facet]
    origins = np.zeros((len(facet), 3, 3), np.float32)
    origins[:, 0, 0] = origins[:, 1, 1] = 1
    origins[:, 2] = np.stack([-normal[:, 0], -normal[:, 1], stone.offsets[facet]], 1)
    origins[:, 2] /= normal[:, 2:]
    incoming = np.broadcast_to(np.array([0, 0, -1], np.float32), normal.shape)
    index = float(medium.index[1])
    inside, reflectance = refract(incoming, -normal, 1 / index)
    mirrored = incoming - 2 * np.sum(incoming * normal, 1, keepdims=True) * normal
    bounce = _Bounce(
        np.zeros(len(facet), np.int64),
        np.repeat(mirrored[:, None], 3, axis=1),
        np.repeat(0.8 * reflectance[:, None], 3, axis=1),
    )
    depths = np.zeros((len(facet), 3), np.float32)
    return _Generation(origins, inside, 1 - reflectance, depths, starts), bounce


def _advance(
    stone: Solid, now: _Generation, points: FloatArray, medium: Medium
) -> tuple[_Generation, IntArray, _Bounce]:
    """One bounce: split every beam by the facet it meets, let light out, reflect the rest.

    Returns the next generation, the order in which it takes `points`, and what reaches the camera.
    """
    distances = _distances(stone, now)
    parent, facet, order, starts, alive = _split(now, distances, points)
    reached = distances[parent, facet] * alive[:, None]
    direction, normal = now.directions[parent], stone.normals[facet]
    length = np.maximum(np.sum(reached * _centres(points[order], starts), axis=1), 0)
    depths = now.depths[parent] + length[:, None] * _absorption(direction, medium)
    exits, reflectance = _leave(direction, normal, medium)
    mirrored = direction - 2 * np.sum(direction * normal, 1, keepdims=True) * normal
    last = (np.diff(starts) < _FEWEST_PIXELS) & alive
    caught = (last & (reflectance > 0.99))[:, None, None]  # cannot leave, will not be followed
    exits = np.where(caught, mirrored[:, None], exits)
    gain = now.weights[parent] * np.where(last, 1.0, 1 - reflectance) * alive
    weights = now.weights[parent] * reflectance * alive * ~last
    origins = now.origins[parent] + direction[:, :, None] * reached[:, None, :]
    bounce = _Bounce(parent, exits, gain[:, None] * np.exp(-depths))
    return _Generation(origins, mirrored, weights, depths, starts), order, bounce


def _split(
    now: _Generation, distances: FloatArray, points: FloatArray
) -> tuple[IntArray, IntArray, IntArray, IntArray, Mask]:
    """Of each beam of the next generation: parent, facet met, and whether it is still followed.

    Between these, the order in which the next generation takes `points`, and where each starts.
    """
    facets = distances.shape[1]
    met, alive = _facet_met(now, distances, points)
    owner = np.repeat(np.arange(len(now.weights)), np.diff(now.starts))
    rows = np.arange(len(points))
    present, order, starts = _group(owner * facets + met, rows, len(now.weights) * facets)
    parent = present // facets
    return parent, present % facets, order, starts, alive[parent]


def _centres(points: FloatArray, starts: IntArray) -> FloatArray:
    """(B, 3): the mean of each beam's points."""
    sums = np.add.reduceat(points, starts[:-1], axis=0)
    return np.asarray(sums / np.diff(starts).astype(np.float32)[:, None], np.float32)


def _distances(stone: Solid, now: _Generation) -> FloatArray:
    """(B, F, 3): times (x, y, 1) it is how far a beam's ray has to go to each facet's plane."""
    towards = now.directions @ stone.normals.T
    from_plane = -np.einsum("fk,bkj->bfj", stone.normals, now.origins)
    from_plane[:, :, 2] += stone.offsets
    ahead = towards > 1e-4
    scaled = from_plane / np.where(ahead, towards, 1)[:, :, None]
    scaled[~ahead] = (0, 0, _FAR)
    return np.asarray(scaled, np.float32)


def _facet_met(
    now: _Generation, distances: FloatArray, points: FloatArray
) -> tuple[IntArray, Mask]:
    """The next facet at every pixel, and which beams still carry light worth following."""
    met = np.zeros(len(points), np.int64)
    alive = now.weights > _FAINTEST
    for beam in np.flatnonzero(alive):
        rows = slice(now.starts[beam], now.starts[beam + 1])
        ahead = np.flatnonzero(distances[beam, :, 2] < _FAR)
        met[rows] = ahead[(points[rows] @ distances[beam, ahead].T).argmin(axis=1)]
    return met, alive


def _absorption(direction: FloatArray, medium: Medium) -> FloatArray:
    share = (direction @ medium.axis)[:, None] ** 2
    return np.asarray(medium.absorption * (1 - share) + medium.second * share, np.float32)


def _leave(
    direction: FloatArray, normal: FloatArray, medium: Medium
) -> tuple[FloatArray, FloatArray]:
    """Directions outside, one per colour (dispersion), and the reflectance for green."""
    bent = [refract(direction, normal, float(index)) for index in medium.index]
    return np.stack([way for way, _ in bent], axis=1), bent[1][1]


def refract(
    direction: FloatArray, normal: FloatArray, ratio: float
) -> tuple[FloatArray, FloatArray]:
    """Snell's law and Fresnel's reflectance for unpolarised light.

    Args:
        direction: (N, 3) unit vectors towards the surface.
        normal: (N, 3) unit normals on the far side: direction . normal is positive.
        ratio: refractive index on the near side over that on the far side.

    Returns:
        (N, 3) directions behind the surface (along it where all light is reflected), and (N,)
        reflectance, 1 where all light is reflected.
    """
    near = np.clip(np.sum(direction * normal, axis=1), 0, 1)
    far_squared = 1 - ratio**2 * (1 - near**2)
    total = far_squared <= 0
    far = np.sqrt(np.maximum(far_squared, 0))
    across = (ratio * near - far) / np.maximum(ratio * near + far, 1e-6)
    within = (near - ratio * far) / np.maximum(near + ratio * far, 1e-6)
    reflectance = np.where(total, 1, (across**2 + within**2) / 2)
    bent = ratio * (direction - near[:, None] * normal) + far[:, None] * normal
    bent /= np.maximum(np.linalg.norm(bent, axis=1, keepdims=True), 1e-6)
    return np.asarray(bent, np.float32), np.asarray(reflectance, np.float32)
