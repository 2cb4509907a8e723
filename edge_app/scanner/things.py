"""The separate things that differ from the empty tray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edge_app.scanner.ground import Ground, part, steps

LEAST_SHARE = 0.0012  # of the picture: smaller is a speck of dust
_LEAST_CONTRAST = 11.0  # levels; less is noise, or a soft shadow
_NOISES = 5.0  # times the tray's own noise
_LEAST_STEP = 8.0  # of lightness, from one pixel to its neighbours: a soft shadow has none
_SHARP_SHARE = 0.05  # of a thing's pixels have such a step, at least
_EDGE_LEVEL = 0.35  # of a thing's contrast: where its edge is
_MOST_THINGS = 6
_NECK = 0.6  # of the greatest half-width: two stones that touch are narrower between them
_SQUARE_3, _SQUARE_5 = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class Thing:
    """One of them, in pixels of the searched copy.

    mask: (height, width) uint8, 1 where it is in its box.
    outline: as OpenCV gives contours, of all that differs there, its shadow's core too.
    reaches: it lies on the picture's border.
    ghost: the memory has its edges and the picture has not: it lay there when the tray was learnt.
    """

    x: int
    y: int
    width: int
    height: int
    area: float
    centre: tuple[float, float]
    mask: Any
    outline: Any
    reaches: bool
    ghost: bool

    @property
    def box(self) -> Any:
        """The part of a picture that it lies in."""
        return np.s_[self.y : self.y + self.height, self.x : self.x + self.width]


def find_things(ycc: Any, ground: Ground, clear: Any, noise: float) -> tuple[list[Thing], float]:
    """What differs from the empty tray and has edges, the largest first.

    Args:
        ycc: (h, w, 3) uint8, YCrCb, the searched copy.
        clear: (h, w) bool: where nothing lay in the picture before.
        noise: of the empty tray, as the second result was for it.

    Returns:
        The things, and the contrast that half of the picture stays below.
    """
    contrast = ground.contrast(ycc, clear)
    new, gone = ground.new_steps(steps(ycc))
    least = max(_LEAST_CONTRAST, _NOISES * noise)
    far = cv2.threshold(contrast, least, 1, cv2.THRESH_BINARY)[1]
    sharp = cv2.threshold(new, max(_LEAST_STEP, 2 * least / 3), 1, cv2.THRESH_BINARY)[1]
    mask = cv2.morphologyEx(cv2.bitwise_or(far, sharp), cv2.MORPH_CLOSE, _SQUARE_5)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _SQUARE_3)
    outlines = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    large = [line for line in outlines if cv2.contourArea(line) >= LEAST_SHARE * mask.size]
    large = sorted(large, key=cv2.contourArea, reverse=True)[:_MOST_THINGS]
    found = (_thing(outline, contrast, new, gone) for outline in large)
    return [thing for thing in found if thing], part(contrast[::8, ::8].ravel(), 0.5)


def touching(thing: Thing) -> bool:
    """Whether it is two stones side by side: wide, narrow, wide again."""
    mask = _drawn(thing.outline, cv2.boundingRect(thing.outline))
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    cores = cv2.threshold(depth, _NECK * float(depth.max()), 255, cv2.THRESH_BINARY)[1]
    return cv2.connectedComponents(cores.astype(np.uint8))[0] > 2


def _thing(outline: Any, contrast: Any, new: Any, gone: Any) -> Thing | None:
    """A candidate as a thing, tightly; None where it has no edges, as a shadow has none."""
    x, y, width, height = rect = cv2.boundingRect(outline)
    box = np.s_[y : y + height, x : x + width]
    mask = _drawn(outline, rect)
    inside = mask > 0
    edges, ghost = (part(step[box][inside], 1 - _SHARP_SHARE) for step in (new, gone))
    if max(edges, ghost) < _LEAST_STEP:
        return None
    rows, columns = contrast.shape
    reaches = x == 0 or y == 0 or x + width == columns or y + height == rows
    shape = outline if reaches or ghost > edges else _tight(inside, contrast[box], (x, y), outline)
    x, y, width, height = rect = cv2.boundingRect(shape)
    moments = cv2.moments(mask := _drawn(shape, rect), binaryImage=True)
    area = moments["m00"]
    centre = x + moments["m10"] / area, y + moments["m01"] / area
    return Thing(
        x, y, width, height, area, centre, mask, outline, reaches, ghost > edges
    )


def _drawn(outline: Any, rect: Any) -> Any:
    """(height, width) uint8: 1 inside the outline."""
    x, y, width, height = rect
    mask = np.zeros((height, width), np.uint8)
    cv2.drawContours(mask, [outline], -1, 1, cv2.FILLED, offset=(-x, -y))
    return mask


def _tight(inside: Any, contrast: Any, corner: tuple[int, int], outline: Any) -> Any:
    """The hull of what has a good share of the thing's contrast: its soft shadow has not.

    A facet may look just like the tray; it does not take a piece out of the stone.
    """
    least = _EDGE_LEVEL * part(contrast[inside], 0.9)
    strong = (inside & (contrast >= least)).astype(np.uint8)
    points = cv2.findNonZero(cv2.morphologyEx(strong, cv2.MORPH_OPEN, _SQUARE_3))
    return outline if points is None else cv2.convexHull(points + np.array(corner, np.int32))
