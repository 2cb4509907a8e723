"""The shapes of the overlay: panels, bars, corner marks and the signs of the verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.decision import LIST, NAME, REFER
from deploy.preprocess import SquareBox
from deploy.record.stones import TAUGHT
from edge_app.overlay.text import Colour, text_mask

OVERSAMPLING = 4


class Rect(NamedTuple):
    """A rectangle in pixels of the frame."""

    x: int
    y: int
    width: int
    height: int

    def clipped(self, image: ByteArray) -> Rect:
        """The part that lies inside the image, perhaps empty."""
        height, width = image.shape[:2]
        x, y = min(max(self.x, 0), width), min(max(self.y, 0), height)
        right, bottom = min(self.x + self.width, width), min(self.y + self.height, height)
        return Rect(x, y, max(0, right - x), max(0, bottom - y))

    def of(self, image: ByteArray) -> ByteArray:
        """A view of the image; the rectangle must lie inside."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


def darken(image_bgr: ByteArray, rect: Rect, radius_px: int) -> None:
    """Lay a dark, translucent, rounded panel over the image in place: a quarter shines through."""
    with rounded(image_bgr, rect, radius_px):
        ground = rect.clipped(image_bgr).of(image_bgr)
        np.right_shift(ground, 2, out=ground)
        np.add(ground, 12, out=ground)


def fill(image_bgr: ByteArray, rect: Rect, colour: Colour) -> None:
    """Paint a rectangle in place."""
    if rect.width > 0 and rect.height > 0:
        corner = (rect.x + rect.width - 1, rect.y + rect.height - 1)
        cv2.rectangle(image_bgr, (rect.x, rect.y), corner, colour, cv2.FILLED)


@contextmanager
def rounded(image_bgr: ByteArray, rect: Rect, radius_px: int) -> Iterator[None]:
    """Whatever the block paints into a rectangle leaves its four corners round."""
    inside = rect.clipped(image_bgr)
    radius_px = min(radius_px, inside.width // 2, inside.height // 2)
    if not radius_px:
        yield
        return
    corners = _corners(inside.of(image_bgr), radius_px)
    kept = [corner.copy() for corner in corners]
    yield
    for corner, before, shares in zip(corners, kept, _corner_shares(radius_px), strict=True):
        difference = before.astype(np.int16) - corner
        np.add(corner, difference * shares >> 7, out=corner, casting="unsafe")


def _corners(area: ByteArray, radius_px: int) -> list[ByteArray]:
    start, end = slice(None, radius_px), slice(-radius_px, None)
    return [area[rows, columns] for rows in (start, end) for columns in (start, end)]


@lru_cache(maxsize=16)
def _corner_shares(radius_px: int) -> list[ByteArray]:
    """How much of the ground, 0 to 128, stays in each pixel of the four corners, (r, r, 1)."""
    side = radius_px * OVERSAMPLING
    disc = np.zeros((2 * side, 2 * side), np.uint8)
    cv2.circle(disc, (side, side), side - 1, 128, cv2.FILLED)
    size = (2 * radius_px, 2 * radius_px)
    small = cv2.resize(disc, size, interpolation=cv2.INTER_AREA).astype(np.int16)
    return [(128 - corner)[:, :, None] for corner in _corners(small, radius_px)]  # type: ignore[arg-type]


def mark_corners(image_bgr: ByteArray, box: SquareBox, unit: float, end_y: int) -> None:
    """Mark the corners of the square that the network sees, light with a dark rim, in place.

    Args:
        unit: pixels per 1/720 of the frame's height.
        end_y: nothing is drawn from this row on.
    """
    inset = max(1, round(6 * unit))
    square = Rect(box.x, box.y, box.side_px, box.side_px).clipped(image_bgr)
    thick, rim = max(1, round(3 * unit)), max(1, round(1.2 * unit))
    left, top = square.x + inset, square.y + inset
    right, bottom = square.x + square.width - inset, square.y + square.height - inset
    arm = min(round(46 * unit), (right - left) // 3, (bottom - top) // 3)
    if arm <= thick:
        return
    above = image_bgr[:end_y]
    for grow, colour in ((rim, (28, 28, 28)), (0, (244, 244, 244))):
        for x in (left, right - arm):
            for y in (top, bottom - thick):
                fill(above, _grown(Rect(x, y, arm, thick), grow), colour)
        for x in (left, right - thick):
            for y in (top, bottom - arm):
                fill(above, _grown(Rect(x, y, thick, arm), grow), colour)


def _grown(rect: Rect, by: int) -> Rect:
    return Rect(rect.x - by, rect.y - by, rect.width + 2 * by, rect.height + 2 * by)


@lru_cache(maxsize=32)
def sign(kind: str, size_px: int) -> ByteArray:
    """The sign of a kind of verdict, told apart by its shape: (size_px, size_px) uint8 mask.

    A full disc with a tick: named. A disc in two halves: one or the other. A ring with a
    question mark: refer. A ring with a wave, "about": taught. A thin ring: nothing yet.
    """
    side = max(1, size_px) * OVERSAMPLING
    canvas = np.zeros((side, side), np.uint8)
    centre, radius = (side // 2, side // 2), side // 2 - 2
    if kind in (NAME, LIST):
        cv2.circle(canvas, centre, radius, 255, cv2.FILLED)
    else:
        thick = side // 11 if kind in (REFER, TAUGHT) else side // 22
        cv2.circle(canvas, centre, radius - thick // 2, 255, max(1, thick))
    if kind == NAME:
        tick = np.array([(0.28, 0.52), (0.44, 0.67), (0.73, 0.35)]) * side
        cv2.polylines(canvas, [tick.astype(np.int32)], False, 0, max(1, side // 10))
    elif kind == LIST:
        cv2.line(
            canvas, (side * 2 // 3, -side // 6), (side // 3, side + side // 6), 0, max(1, side // 9)
        )
    elif kind == REFER:
        _question_mark(canvas)
    elif kind == TAUGHT:
        x = np.linspace(0.26, 0.74, 40)
        wave = np.stack([x, 0.5 - 0.1 * np.sin((x - 0.5) * 13)], axis=1) * side
        cv2.polylines(canvas, [wave.astype(np.int32)], False, 255, max(1, side // 10))
    return cv2.resize(canvas, (size_px, size_px), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _question_mark(canvas: ByteArray) -> None:
    mask, _ = text_mask("?", canvas.shape[0] * 6 // 10, bold=True)
    used = np.argwhere(mask)
    (top, left), (bottom, right) = used.min(axis=0), used.max(axis=0) + 1
    glyph = mask[top:bottom, left:right]
    y, x = (canvas.shape[0] - glyph.shape[0]) // 2, (canvas.shape[1] - glyph.shape[1]) // 2
    canvas[y : y + glyph.shape[0], x : x + glyph.shape[1]] = glyph
