"""Where the stone lies in a picture, by what stands out from a plain ground.

A small copy is searched: a smooth ground is laid through its border, and what differs from it in
colour, or has edges that the border lacks, is a candidate. Nothing here is learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from deploy.arrays import ByteArray

_SEARCHED_PX = 128  # the longer side of the copy that is searched
_RIM = 0.04  # of the longer side: the border that shows the ground
_LEAST_CONTRAST = 13.0  # grey levels; less than this is noise or a soft shadow
_LEAST_STEP = 9.0  # grey levels from one pixel of the copy to its neighbours
_LEAST_SHARE = 0.0015
_SPANNED = 0.86  # of the picture's height or width: so large a thing may be the tray
_TRAY_EDGE = 0.06  # of the tray's size, on each side
_MOST_CONTACT = 0.35  # of a candidate's outline that may lie on the picture's border
_ARM = 0.35  # of the candidate's shorter side: what is thinner and reaches the border is no stone
_EDGE_LEVEL = 0.35  # of a candidate's contrast: where its edge is
_REFITS = 4  # a stone on the border bends the first fit; it takes some to forget it
_SETTLED = 2.0
_ONES = np.ones(3, np.float32)
_RIDGE = 1e-3 * np.eye(6, dtype=np.float32)  # a picture of one colour has a solution too
_BORDER_PIXELS = 200
_SQUARE_3, _SQUARE_5 = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)
_PLAIN = 5.0  # levels of L, a and b together by which the border of a plain ground strays
_TRAY_PLAIN = 15.0  # the same for a tray: a stone does not reach its border
_NO_GROUND = 25.0  # more than that, and the border shows no ground: nothing can be told


@dataclass(frozen=True)
class Stone:
    """A box around the stone, in pixels of the picture, and its part of the picture's area."""

    x: int
    y: int
    width: int
    height: int
    share: float


class _Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int


class _Ground(NamedTuple):
    """(6, 3) factors of a smooth surface in Lab, and how far the border strays from it."""

    factors: Any
    stray: float  # of half of the border
    most: float  # of nine tenths of it


def find_stone(picture_bgr: ByteArray) -> Stone | None:
    """Find the one thing that stands out from the ground it lies on.

    Args:
        picture_bgr: (H, W, 3) uint8, BGR, any size.

    Returns:
        The stone's box, or None where nothing stands out, or the border shows no ground. What
        lies in a corner of the picture, or mostly along its border, is no stone.
    """
    lab = cv2.cvtColor(_shrunk(picture_bgr), cv2.COLOR_BGR2Lab)
    box = _search(lab)
    return None if box is None else _in_picture(box, lab.shape, picture_bgr.shape)


def _shrunk(picture_bgr: ByteArray) -> Any:
    """Every fourth pixel of each is read when there are plenty: averaging them all costs 2 ms."""
    height, width = picture_bgr.shape[:2]
    scale = min(1.0, _SEARCHED_PX / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    if scale < 0.25:
        twice = (2 * size[0], 2 * size[1])
        picture_bgr = cv2.resize(picture_bgr, twice, interpolation=cv2.INTER_NEAREST)  # type: ignore[assignment]
    return cv2.resize(picture_bgr, size, interpolation=cv2.INTER_AREA)


def _search(lab: Any) -> _Box | None:
    """Search the picture; where its border is not plain or the tray was found, search the tray."""
    ground = _fit_ground(lab)
    if ground.stray > _PLAIN:
        tray = _central_tray(lab)
        inner = _fit_ground(_cut(lab, tray))
        if inner.most <= _TRAY_PLAIN:
            return _search_on(lab, tray, inner)
        if ground.stray > _NO_GROUND:
            return None
    box = _stands_out(lab, ground)
    if box is None or not _spans(box, lab):
        return box
    tray = _inset(box)
    inner = _fit_ground(_cut(lab, tray))
    return _search_on(lab, tray, inner) if inner.most <= _TRAY_PLAIN else box


def _search_on(lab: Any, tray: _Box, ground: _Ground) -> _Box | None:
    found = _stands_out(_cut(lab, tray), ground)
    return found and found._replace(x=found.x + tray.x, y=found.y + tray.y)


def _central_tray(lab: Any) -> _Box:
    height, width = lab.shape[:2]
    side = min(height, width)
    return _inset(_Box((width - side) // 2, (height - side) // 2, side, side))


def _inset(tray: _Box) -> _Box:
    """A tray without its rim."""
    dx, dy = (round(_TRAY_EDGE * length) for length in (tray.width, tray.height))
    return _Box(tray.x + dx, tray.y + dy, tray.width - 2 * dx, tray.height - 2 * dy)


def _cut(lab: Any, box: _Box) -> Any:
    part = lab[box.y : box.y + box.height, box.x : box.x + box.width]
    return np.ascontiguousarray(part)


def _spans(box: _Box, lab: Any) -> bool:
    return bool(box.height > _SPANNED * lab.shape[0] or box.width > _SPANNED * lab.shape[1])


def _fit_ground(lab: Any) -> _Ground:
    """Least squares through the border, then again with less weight on what is no ground."""
    _, border, terms, solver = _ground_terms(*lab.shape[:2])
    pixels = lab.reshape(-1, 3)[border].astype(np.float32)
    factors = solver @ pixels
    for _ in range(_REFITS):
        away = np.abs(pixels - terms @ factors) @ _ONES
        stray = _part(away, 0.5)
        weighted = (terms / (1 + (away / max(2.0, 2 * stray)) ** 2)[:, None]).T
        factors = np.linalg.solve(weighted @ terms + _RIDGE, weighted @ pixels)
        if stray < _SETTLED:
            break
    return _Ground(factors, stray, _part(away, 0.9))


@lru_cache(maxsize=64)
def _ground_terms(height: int, width: int) -> tuple[Any, Any, Any, Any]:
    """For a second-order surface: the terms of every pixel, (h * w, 6); which pixels stand for
    the border; their terms; and what gives a surface's factors from their values."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1).reshape(-1, 6)
    rim = max(2, round(_RIM * max(height, width)))
    inner = np.zeros((height, width), bool)
    inner[rim : height - rim, rim : width - rim] = True
    border = np.flatnonzero(~inner.ravel())
    border = border[:: max(1, len(border) // _BORDER_PIXELS)]
    return terms, border, terms[border], np.linalg.pinv(terms[border])


def _stands_out(lab: Any, ground: _Ground) -> _Box | None:
    contrast = _contrast(lab, ground)
    mask = _best(_filled(_far(contrast, ground.stray) | _edges(lab)))
    return None if mask is None else _tight(mask, contrast)


def _contrast(lab: Any, ground: _Ground) -> Any:
    """(h, w) uint8: how far each pixel's colour is from the ground's."""
    terms, *_ = _ground_terms(*lab.shape[:2])
    levels = cv2.convertScaleAbs(terms @ ground.factors).reshape(lab.shape)
    lighter, darker = cv2.subtract(lab, levels), cv2.subtract(levels, lab)
    away = cv2.bitwise_or(lighter, cv2.LUT(darker, _SHADOW)).astype(np.float32)
    squares = cv2.transform(cv2.multiply(away, away), np.ones((1, 3), np.float32))
    return cv2.blur(cv2.convertScaleAbs(cv2.sqrt(squares)), (3, 3))


def _without_shadow() -> Any:
    """A table for `cv2.LUT`: how much it counts that a pixel is darker, green or blue by 0 to 255.

    A shadow darkens the ground a little; a dark stone differs by much more.
    """
    step = np.arange(256)
    return np.stack([np.maximum(0.4 * step, step - 40), step, step], -1)[None].astype(np.uint8)


_SHADOW = _without_shadow()


def _far(contrast: Any, stray: float) -> Any:
    between, _ = cv2.threshold(contrast, 0, 1, cv2.THRESH_OTSU)
    least = max(_LEAST_CONTRAST, 4 * stray, 0.6 * between)
    return cv2.threshold(contrast, least, 1, cv2.THRESH_BINARY)[1]


def _edges(lab: Any) -> Any:
    """Steps of lightness that the border's noise does not reach: a clear stone's outline."""
    light = cv2.blur(cv2.extractChannel(lab, 0), (3, 3))
    step = cv2.morphologyEx(light, cv2.MORPH_GRADIENT, _SQUARE_3)
    usual = _part(step.ravel()[_ground_terms(*step.shape)[1]], 0.8)
    return cv2.threshold(step, max(_LEAST_STEP, 2 * usual), 1, cv2.THRESH_BINARY)[1]


def _part(values: Any, part: float) -> float:
    """A percentile, without numpy.percentile's half millisecond."""
    return float(np.sort(values)[int(part * (len(values) - 1))])


def _filled(mask: Any) -> Any:
    """Gaps closed, specks gone, and everything that is enclosed filled."""
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _SQUARE_5)
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(padded, None, (0, 0), 2)
    ground = cv2.inRange(padded[1:-1, 1:-1], 2, 2)
    return cv2.morphologyEx(cv2.bitwise_not(ground), cv2.MORPH_OPEN, _SQUARE_3)


def _best(mask: Any) -> Any | None:
    """The largest candidate, as a mask; off the middle or on the border it counts for less."""
    _, labels, stats, centres = cv2.connectedComponentsWithStats(mask)
    middle = np.array(mask.shape[::-1]) / 2
    away = np.linalg.norm((centres - middle) / middle, axis=1)
    weight = stats[:, cv2.CC_STAT_AREA] * (1.2 - away / 1.5)
    outline = np.maximum(1, 2 * (stats[:, cv2.CC_STAT_WIDTH] + stats[:, cv2.CC_STAT_HEIGHT]))
    contact = _contact(labels, len(stats))
    weight[stats[:, cv2.CC_STAT_AREA] < _LEAST_SHARE * mask.size] = 0
    weight *= 1 - contact / (_MOST_CONTACT * outline)
    weight[labels[[0, 0, -1, -1], [0, -1, 0, -1]]] = 0  # a dark corner, an arm, the counter
    weight[0] = 0  # the ground
    best = int(weight.argmax())
    if weight[best] <= 0:
        return None
    chosen = cv2.inRange(labels, best, best)
    return _without_arms(chosen) if contact[best] else chosen


def _contact(labels: Any, count: int) -> Any:
    """How many pixels of each candidate lie on the picture's border."""
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.bincount(border, minlength=count)


def _without_arms(mask: Any) -> Any:
    """What reaches in from the border and is thin is tweezers or a finger, not the stone."""
    _, _, width, height = cv2.boundingRect(mask)
    size = max(3, round(_ARM * min(width, height)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    body = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(body)
    if count < 2:
        return mask
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return cv2.inRange(labels, largest, largest)


def _tight(mask: Any, contrast: Any) -> _Box:
    """The box of what has a good part of the candidate's contrast: a soft shadow has not."""
    inside = cv2.bitwise_and(contrast, mask)
    least = _EDGE_LEVEL * _part(contrast[mask > 0], 0.9)
    found = cv2.boundingRect(cv2.threshold(inside, least, 1, cv2.THRESH_BINARY)[1])
    return _Box(*(found if found[2] else cv2.boundingRect(mask)))


def _in_picture(box: _Box, small: tuple[int, ...], shape: tuple[int, ...]) -> Stone:
    down, across = shape[0] / small[0], shape[1] / small[1]
    x, y = int(box.x * across), int(box.y * down)
    width = min(shape[1] - x, max(1, round(box.width * across)))
    height = min(shape[0] - y, max(1, round(box.height * down)))
    return Stone(x, y, width, height, width * height / (shape[0] * shape[1]))
