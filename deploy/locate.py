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

_SEARCHED_PX = 160  # the longer side of the copy that is searched
_RIM = 0.04  # of the longer side: the border that shows the ground
_LEAST_CONTRAST = 13.0  # grey levels; less than this is noise or a soft shadow
_LEAST_STEP = 9.0  # grey levels from one pixel of the copy to its neighbours
_LEAST_SHARE = 0.0015
_SPANNED = 0.86  # of the picture's height or width: so large a thing may be the tray
_TRAY_EDGE = 0.06  # of the tray's size, on each side
_MOST_CONTACT = 0.4  # of a candidate's outline that may lie on the picture's border
_ARM = 0.35  # of the candidate's shorter side: what is thinner and reaches the border is no stone
_EDGE_LEVEL = 0.4  # of a candidate's contrast: where its edge is
_PLAIN = 5.0  # grey levels by which the border of a plain ground strays


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
    """(h, w) uint8 contrast with the ground, and how far the ground itself strays from smooth."""

    contrast: Any
    stray: float


def find_stone(picture_bgr: ByteArray) -> Stone | None:
    """Find the one thing that stands out from the ground it lies on.

    Args:
        picture_bgr: (H, W, 3) uint8, BGR, any size.

    Returns:
        The stone's box, or None where nothing stands out. What reaches in over the picture's
        border for most of its own outline is no stone.
    """
    small = _shrunk(picture_bgr)
    box, stray = _search(small)
    if stray > _PLAIN or (box is not None and _spans(box, small)):
        box = _closer(small, box)
    return None if box is None else _in_picture(box, small.shape, picture_bgr.shape)


def _shrunk(picture_bgr: ByteArray) -> Any:
    height, width = picture_bgr.shape[:2]
    scale = min(1.0, _SEARCHED_PX / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    if scale < 0.5:  # reads four pixels of each block; averaging them all costs 2 ms
        twice = (2 * size[0], 2 * size[1])
        picture_bgr = cv2.resize(picture_bgr, twice, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return cv2.resize(picture_bgr, size, interpolation=cv2.INTER_AREA)


def _spans(box: _Box, small: Any) -> bool:
    return bool(box.height > _SPANNED * small.shape[0] or box.width > _SPANNED * small.shape[1])


def _closer(small: Any, box: _Box | None) -> _Box | None:
    """What lies on a tray whose surroundings are in the picture; the same box if there is none.

    The tray is what spans the picture, or else the central square: it is plain along its border.
    """
    height, width = small.shape[:2]
    side = min(height, width)
    middle = _Box((width - side) // 2, (height - side) // 2, side, side)
    for tray in (box, middle):
        if tray is None or not _spans(tray, small):
            continue
        dx, dy = (round(_TRAY_EDGE * length) for length in (tray.width, tray.height))
        inner = small[tray.y + dy : tray.y + tray.height - dy, tray.x + dx :][
            :, : tray.width - 2 * dx
        ]
        found, stray = _search(inner) if min(inner.shape[:2]) >= 16 else (None, np.inf)
        if stray <= _PLAIN:
            return found and found._replace(x=found.x + tray.x + dx, y=found.y + tray.y + dy)
    return box


def _search(small_bgr: Any) -> tuple[_Box | None, float]:
    """The best candidate's box, and how far the border strays from a smooth ground."""
    lab = cv2.cvtColor(small_bgr, cv2.COLOR_BGR2Lab)
    ground = _contrast(lab)
    mask = _best(_filled(_standing_out(ground) | _edges(lab)))
    return (None if mask is None else _tight(mask, ground.contrast)), ground.stray


def _contrast(lab: Any) -> _Ground:
    height, width = lab.shape[:2]
    terms, border = _ground_terms(height, width)
    pixels = lab.reshape(-1, 3).astype(np.float32)
    factors, stray = _robust_fit(terms[border], pixels[border])
    away = pixels - terms @ factors
    away[:, 0] = _without_shadow(away[:, 0])
    distance = np.sqrt(np.einsum("ij,ij->i", away, away)).reshape(height, width)
    levels = np.minimum(distance, 255).astype(np.uint8)
    return _Ground(cv2.blur(levels, (3, 3)), stray)


def _without_shadow(lightness: Any) -> Any:
    """A shadow darkens the ground a little; a dark stone differs by much more."""
    return np.where(lightness > 0, lightness, np.minimum(0.4 * lightness, lightness + 40))


def _robust_fit(terms: Any, pixels: Any) -> tuple[Any, float]:
    """Least squares twice, the second time without what lies on the border but is no ground."""
    keep = np.ones(len(terms), np.float32)
    for _ in range(3):
        weighted = terms * keep[:, None]
        factors = np.linalg.solve(weighted.T @ terms + 1e-3 * np.eye(6), weighted.T @ pixels)
        away = np.abs(pixels - terms @ factors).sum(axis=1)
        middle = float(np.median(away))
        keep = 1 / (1 + (away / max(2.0, 2 * middle)) ** 2)
    return factors.astype(np.float32), middle


@lru_cache(maxsize=16)
def _ground_terms(height: int, width: int) -> tuple[Any, Any]:
    """(h * w, 6) terms of a second-order surface, and which of the pixels are the border."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1).reshape(-1, 6)
    rim = max(2, round(_RIM * max(height, width)))
    inner = np.zeros((height, width), bool)
    inner[rim : height - rim, rim : width - rim] = True
    return terms, np.flatnonzero(~inner.ravel())


def _standing_out(ground: _Ground) -> Any:
    between, _ = cv2.threshold(ground.contrast, 0, 1, cv2.THRESH_OTSU)
    least = max(_LEAST_CONTRAST, 2.5 * ground.stray, 0.6 * between)
    return cv2.threshold(ground.contrast, least, 1, cv2.THRESH_BINARY)[1]


def _edges(lab: Any) -> Any:
    """Steps of lightness that the border's noise does not reach: a clear stone's outline."""
    light = cv2.blur(cv2.extractChannel(lab, 0), (3, 3))
    step = cv2.morphologyEx(light, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    height, width = step.shape
    usual = np.percentile(step.ravel()[_ground_terms(height, width)[1]], 80)
    return cv2.threshold(step, max(_LEAST_STEP, 2 * float(usual)), 1, cv2.THRESH_BINARY)[1]


def _filled(mask: Any) -> Any:
    """Gaps closed, specks gone, and everything that is enclosed filled."""
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(padded, None, (0, 0), 2)
    filled = np.asarray(padded[1:-1, 1:-1] != 2, np.uint8)
    return cv2.morphologyEx(filled, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))


def _best(mask: Any) -> Any | None:
    """The largest candidate, as a mask; one that is off the middle counts for less."""
    _, labels, stats, centres = cv2.connectedComponentsWithStats(mask)
    middle = np.array(mask.shape[::-1]) / 2
    away = np.linalg.norm((centres - middle) / middle, axis=1)
    weight = stats[:, cv2.CC_STAT_AREA] * (1.2 - away / 1.5)
    outline = 2 * (stats[:, cv2.CC_STAT_WIDTH] + stats[:, cv2.CC_STAT_HEIGHT])
    contact = _contact(labels, len(stats))
    weight[stats[:, cv2.CC_STAT_AREA] < _LEAST_SHARE * mask.size] = 0
    weight[contact > _MOST_CONTACT * outline] = 0
    weight[0] = 0  # the ground
    best = int(weight.argmax())
    if weight[best] <= 0:
        return None
    chosen = np.asarray(labels == best, np.uint8)
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
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), np.uint8)


def _tight(mask: Any, contrast: Any) -> _Box:
    """The box of what has a good part of the candidate's contrast: a soft shadow has not."""
    inside = contrast * mask
    x, y, width, height = cv2.boundingRect(mask)
    least = _EDGE_LEVEL * float(np.percentile(contrast[mask > 0], 90))
    found = cv2.boundingRect(np.asarray(inside[y : y + height, x : x + width] > least, np.uint8))
    return _Box(x + found[0], y + found[1], found[2], found[3])


def _in_picture(box: _Box, small: tuple[int, ...], shape: tuple[int, ...]) -> Stone:
    down, across = shape[0] / small[0], shape[1] / small[1]
    x, y = int(box.x * across), int(box.y * down)
    width = min(shape[1] - x, max(1, round(box.width * across)))
    height = min(shape[0] - y, max(1, round(box.height * down)))
    return Stone(x, y, width, height, width * height / (shape[0] * shape[1]))
