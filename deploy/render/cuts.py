"""The cuts: a stone as the half-spaces whose intersection it is, girdle radius about 1.

z points from the tray to the camera and the girdle lies near z = 0. Angles of the round brilliant
are Tolkowsky's ("Diamond Design", 1919): crown 34.5 degrees, pavilion 40.75, table 53 to 60 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]
Plane = tuple[Array, float]  # outward normal, distance from the origin
Curve = tuple[Array, Array]  # x and y
Step = tuple[float, float]  # distance from the girdle where it starts, angle in degrees

_STEPS = 720  # points on an outline: half a degree of a round one
GIRDLE = 0.03  # half of the girdle's thickness


@dataclass(frozen=True)
class Solid:
    """A convex body: the points p with normals @ p <= offsets, and the same for the girdle.

    The girdle only trims the outline: it is so thin that no light worth following meets it.

    normals, girdle_normals: (F, 3) float32, unit length, outward.
    offsets, girdle_offsets: (F,) float32, in girdle radii.
    """

    normals: FloatArray
    offsets: FloatArray
    girdle_normals: FloatArray
    girdle_offsets: FloatArray

    def turned(self, rotation: FloatArray) -> Solid:
        """The body after a (3, 3) rotation about the origin."""
        return Solid(
            np.asarray(self.normals @ rotation.T, np.float32),
            self.offsets,
            np.asarray(self.girdle_normals @ rotation.T, np.float32),
            self.girdle_offsets,
        )


def outline(cut: str, rng: np.random.Generator) -> FloatArray:
    """The girdle of a cut as (720, 2) float32 points, anticlockwise, all within a radius of 1."""
    angle = np.linspace(0, 2 * np.pi, _STEPS, endpoint=False)
    x, y = OUTLINES[cut](angle, rng)
    points = np.stack([x, y], axis=1)
    points -= (points.max(axis=0) + points.min(axis=0)) / 2
    return np.asarray(points / np.hypot(*points.T).max(), np.float32)


def _round(angle: Array, rng: np.random.Generator) -> Curve:
    return np.cos(angle), np.sin(angle)


def _oval(angle: Array, rng: np.random.Generator) -> Curve:
    return np.cos(angle), rng.uniform(0.68, 0.85) * np.sin(angle)


def _superellipse(angle: Array, power: float, ratio: float) -> Curve:
    c, s = np.cos(angle), np.sin(angle)
    return (
        np.sign(c) * np.abs(c) ** (2 / power),
        ratio * np.sign(s) * np.abs(s) ** (2 / power),
    )


def _cushion(angle: Array, rng: np.random.Generator) -> Curve:
    return _superellipse(angle, rng.uniform(2.7, 3.6), rng.uniform(0.78, 1.0))


def _pear(angle: Array, rng: np.random.Generator) -> Curve:
    # A circle whose one side is drawn out to a point; convex for these strengths.
    y = rng.uniform(0.6, 0.7) * np.sin(angle) * np.sin(angle / 2) ** rng.uniform(0.85, 1.1)
    return np.cos(angle), y * 1.25


def _marquise(angle: Array, rng: np.random.Generator) -> Curve:
    # Two arcs of one circle that meet in two points.
    half = rng.uniform(0.48, 0.56)
    radius = (1 + half**2) / (2 * half)
    x = np.cos(angle)
    y = np.sqrt(np.maximum(radius**2 - x**2, 0)) - (radius - half)
    return x, y * np.sign(np.sin(angle))


def _trillion(angle: Array, rng: np.random.Generator) -> Curve:
    # Three arcs: the radius shrinks between the corners.
    bulge = rng.uniform(0.09, 0.105)
    radius = 1 + bulge * np.cos(3 * angle)
    turn = np.pi / 2
    return radius * np.cos(angle + turn), radius * np.sin(angle + turn)


def _emerald(angle: Array, rng: np.random.Generator) -> Curve:
    ratio, corner = rng.uniform(0.68, 0.95), rng.uniform(0.18, 0.3)
    corners = np.array(
        [[1, ratio - corner], [1 - corner, ratio], [corner - 1, ratio], [-1, ratio - corner]]
    )
    corners = np.concatenate([corners, -corners])
    where = np.linspace(0, 8, len(angle), endpoint=False)
    closed = np.concatenate([corners, corners[:1]])
    x, y = (np.interp(where, np.arange(9), closed[:, axis]) for axis in (0, 1))
    return x, y


OUTLINES = {
    "round": _round,
    "oval": _oval,
    "cushion": _cushion,
    "pear": _pear,
    "marquise": _marquise,
    "trillion": _trillion,
    "emerald": _emerald,
}


def solid(cut: str, points: FloatArray, index: float, rng: np.random.Generator) -> Solid:
    """The faceted stone with this girdle.

    Args:
        points: (M, 2), what `outline` gave.
        index: refractive index; below 1.6 cutters make the pavilion a little steeper.
    """
    if cut == "emerald":
        return _step_cut(points, rng)
    return _brilliant(points, {"trillion": 6, "cushion": 8}.get(cut, 8), index, rng)


def _brilliant(points: FloatArray, mains: int, index: float, rng: np.random.Generator) -> Solid:
    table = rng.uniform(0.53, 0.62)
    crown = np.tan(np.radians(rng.uniform(32.5, 36.5))) * (1 - table)
    depth = np.tan(np.radians(rng.uniform(40.2, 41.6) + (2.0 if index < 1.65 else 0.0)))
    width = np.abs(points).max(axis=0).min()
    crown, depth = crown * (0.4 + 0.6 * width), depth * (0.25 + 0.75 * width)
    at = _along(points, mains, 0.0)
    corners = table * points[at]
    facets = [(np.array([0.0, 0.0, 1.0]), crown + GIRDLE)]
    for k in range(mains):
        facets += _sector(points, at, k, corners, crown, depth, mains)
    return _solid(facets, _girdle(points, 48))


def _along(points: Array, count: int, shift: float) -> Indices:
    """Indices of `count` points, spread evenly by a mean of arc length and angle."""
    closed = np.concatenate([points, points[:1]])
    arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    arc = arc / arc[-1] * len(points)
    where = (np.arange(count) + shift) * len(points) / count
    return np.interp(where, arc, np.arange(len(points) + 1)).astype(int) % len(points)


def _sector(
    points: Array,
    at: Indices,
    k: int,
    corners: Array,
    crown: float,
    depth: float,
    mains: int,
) -> list[Plane]:
    """The facets between one main facet and the next: 2 mains, 1 star, 4 halves."""
    here, there = at[k], at[(k + 1) % mains]
    span = (there - here) % len(points)
    facets = [
        _slope(points, here, crown, corners[k], 0.0),
        _slope(points, here, -depth, None, 0.0),
        _star(corners[k], corners[(k + 1) % mains], crown),
    ]
    for part in (0.25, 0.75):
        near = (here + int(part * span)) % len(points)
        facets.append(
            _slope(points, near, crown, corners[k] / 2 + corners[(k + 1) % mains] / 2, 6.5)
        )
        facets.append(_slope(points, near, -depth, None, 0.7))
    return facets


def _slope(points: Array, at: int, height: float, inner: Array | None, steeper_deg: float) -> Plane:
    """A facet from the girdle up (or down) to the point `inner` (or the culet)."""
    out = _outward(points, at)
    reach = float((points @ out).max())
    run = reach - (float(inner @ out) if inner is not None else 0.0)
    angle = np.arctan2(abs(height), max(run, 0.08)) + np.radians(steeper_deg)
    up = np.sign(height)
    normal = np.array([*(np.sin(angle) * out), up * np.cos(angle)])
    return normal, np.sin(angle) * reach + np.cos(angle) * GIRDLE


def _outward(points: Array, at: int) -> Array:
    """(2,) unit normal of the outline at one of its points."""
    tangent = points[(at + 4) % len(points)] - points[at - 4]
    normal = np.array([tangent[1], -tangent[0]])
    return np.asarray(normal / np.hypot(*normal))


def _star(corner: Array, following: Array, crown: float) -> Plane:
    """The facet between two corners of the table, flatter than the mains."""
    edge = following - corner
    out = np.array([edge[1], -edge[0]]) / np.hypot(*edge)
    angle = np.radians(22.0)
    normal = np.array([*(np.sin(angle) * out), np.cos(angle)])
    return normal, np.sin(angle) * float(corner @ out) + np.cos(angle) * (crown + GIRDLE)


def _girdle(points: Array, count: int) -> list[Plane]:
    facets = []
    for at in _along(points, count, 0.5):
        out = _outward(points, at)
        facets.append((np.array([*out, 0.0]), float((points @ out).max())))
    return facets


def _step_cut(points: FloatArray, rng: np.random.Generator) -> Solid:
    crown = [(0.0, rng.uniform(46, 52)), (0.11, rng.uniform(38, 42)), (0.22, rng.uniform(28, 33))]
    pavilion = [
        (0.0, rng.uniform(58, 64)),
        (0.16, rng.uniform(48, 52)),
        (0.36, rng.uniform(40, 44)),
    ]
    top = _height_at(crown, rng.uniform(0.3, 0.36))
    facets = [(np.array([0.0, 0.0, 1.0]), top + GIRDLE)]
    girdle = []
    for at in (np.arange(8) + 0.5) * len(points) / 8:
        out = _outward(points, int(at))
        reach = float((points @ out).max())
        girdle.append((np.array([*out, 0.0]), reach))
        facets += _steps(out, reach, crown, 1.0) + _steps(out, reach, pavilion, -1.0)
    return _solid(facets, girdle)


def _height_at(steps: list[Step], inset: float) -> float:
    """How high the staircase of (inset, angle) is at a distance from the girdle."""
    bounds = [start for start, _ in steps[1:]] + [9.0]
    rises = [
        np.tan(np.radians(angle)) * max(0.0, min(inset, end) - start)
        for (start, angle), end in zip(steps, bounds, strict=True)
    ]
    return float(sum(rises))


def _steps(out: Array, reach: float, steps: list[Step], up: float) -> list[Plane]:
    """One side of a staircase; `up` is 1 for the crown and -1 for the pavilion."""
    facets = []
    for start, angle_deg in steps:
        angle = np.radians(angle_deg)
        normal = np.array([*(np.sin(angle) * out), up * np.cos(angle)])
        height = GIRDLE + _height_at(steps, start)
        facets.append((normal, np.sin(angle) * (reach - start) + np.cos(angle) * height))
    return facets


def _solid(facets: list[Plane], girdle: list[Plane]) -> Solid:
    parts = [
        np.asarray(part, np.float32)
        for planes in (facets, girdle)
        for part in zip(*planes, strict=True)
    ]
    return Solid(*parts)
