"""The separate things that differ from the empty tray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edge_app.scanner.ground import Ground, part, steps

LEAST_SHARE = 0.0012  # of the picture: smaller is a speck of dust
_LEAST_CONTRAST = 11.0  # levels; less is noise, or a soft shadow
_NOISES = 3.0  # times the tray's own noise
_LEAST_STEP = 8.0  # of lightness, from one pixel to its neighbours: a soft shadow has none
_SHARP = 0.9  # times the square root of a thing's pixels have such a step: about half its outline
_EDGE_LEVEL = 0.35  # of a thing's contrast: where its edge is
_MOST_THINGS = 6
_NECK = 0.6  # of the greatest half-width: two stones that touch are narrower between them
_SQUARE_3, _SQUARE_5 = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class Thing:
    """One of them, in pixels of the searched copy.

    strength: the contrast of its stronger parts.
    mask: (height, width) uint8, 1 where it is in its box.
    outline: as OpenCV gives contours, of all that differs there, a shadow's core too.
    core: outlines of what has a good share of the strength.
    reaches: it lies on the picture's border.
    ghost: the memory has its edges and the picture has not: it lay there when the tray was learnt.
    """

    x: int
    y: int
    width: int
    height: int
    area: float
    centre: tuple[float, float]
    strength: float
    mask: Any
    outline: Any
    core: list[Any]
    reaches: bool
    ghost: bool

    @property
    def box(self) -> Any:
        """The part of a picture that it lies in."""
        return np.s_[self.y : self.y + self.height, self.x : self.x + self.width]


def find_things(
    ycc: Any, ground: Ground, clear: Any, noise: float, guessed: Any = None
) -> tuple[list[Thing], float]:
    """What differs from the empty tray and has edges, the largest first.

    Args:
        ycc: (h, w, 3) uint8, YCrCb, the searched copy.
        clear: (h, w) bool: where nothing lay in the picture before.
        noise: of the empty tray, as the second result was for it.
        guessed: (h, w) uint8: 1 where the tray is not known but guessed. What differs there must
            differ twice as much.

    Returns:
        The things, and the contrast that half of the picture stays below.
    """
    contrast = ground.contrast(ycc, clear)
    new, gone = ground.new_steps(steps(ycc))
    if guessed is not None:
        cv2.divide(contrast, 1 + guessed, dst=contrast)
        cv2.divide(new, 1 + guessed, dst=new)
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
    """Whether it is two stones side by side: wide, narrow, wide again.

    With a reflection a stone looks so as well, and a clear stone where it looks like the tray; so
    it is asked of all of the thing, and of what stands out most.
    """
    return _waisted([thing.outline]) and _waisted(thing.core)


def _waisted(outlines: list[Any]) -> bool:
    if not outlines:
        return False
    mask = _drawn(outlines, cv2.boundingRect(np.vstack(outlines)))
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    wide = cv2.threshold(depth, _NECK * float(depth.max()), 255, cv2.THRESH_BINARY)[1]
    return bool(cv2.connectedComponents(wide.astype(np.uint8))[0] > 2)


def _thing(outline: Any, contrast: Any, new: Any, gone: Any) -> Thing | None:
    """A candidate as a thing, tightly; None where it has no edges, as a shadow has none."""
    x, y, width, height = rect = cv2.boundingRect(outline)
    box = np.s_[y : y + height, x : x + width]
    mask = _drawn([outline], rect)
    inside = mask > 0
    smooth = 1 - _SHARP / np.count_nonzero(inside) ** 0.5
    edges, ghost = (part(step[box][inside], smooth) for step in (new, gone))
    if max(edges, ghost) < _LEAST_STEP:
        return None
    rows, columns = contrast.shape
    reaches = x == 0 or y == 0 or x + width == columns or y + height == rows
    strength = part(contrast[box][inside], 0.9)
    core = _core(inside & (contrast[box] >= _EDGE_LEVEL * strength), (x, y))
    # A facet may look just like the tray; it does not take a piece out of the stone.
    shape = outline if reaches or not core else cv2.convexHull(np.vstack(core))
    x, y, width, height = rect = cv2.boundingRect(shape)
    moments = cv2.moments(mask := _drawn([shape], rect), binaryImage=True)
    area = moments["m00"]
    centre = x + moments["m10"] / area, y + moments["m01"] / area
    place = x, y, width, height
    return Thing(*place, area, centre, strength, mask, outline, core, reaches, ghost > 2 * edges)


def _drawn(outlines: list[Any], rect: Any) -> Any:
    """(height, width) uint8: 1 inside the outlines."""
    x, y, width, height = rect
    mask = np.zeros((height, width), np.uint8)
    cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED, offset=(-x, -y))
    return mask


def _core(strong: Any, corner: tuple[int, int]) -> list[Any]:
    """The outlines of what has a good share of a thing's contrast: its soft shadow has not."""
    mask = cv2.morphologyEx(strong.astype(np.uint8), cv2.MORPH_OPEN, _SQUARE_3)
    mask = cv2.copyMakeBorder(mask, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=0)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _SQUARE_5)
    at = corner[0] - 3, corner[1] - 3
    lines = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=at)[0]
    return list(lines)
