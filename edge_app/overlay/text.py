"""Text on a frame: each string is rendered once into a coloured patch, and copied from then on."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw

from deploy.arrays import ByteArray
from edge_app.overlay.fonts import folded, font, is_dense, joins, runs

Colour = tuple[int, int, int]  # B, G, R

ELLIPSIS = "..."
MIN_SIZE_PX = 8
FINE_BELOW_PX, FINER = 32, 4
# Half-covered pixels vanish before a ground that is not black, and small text is made of them.
STRONGER = (255 * (np.arange(256) / 255) ** 0.7).astype(np.uint8)


def put_text(
    image_bgr: ByteArray,
    text: str,
    at: tuple[int, int],
    size_px: int,
    colour: Colour,
    *,
    right: bool = False,
    bold: bool = False,
) -> None:
    """Draw one line of text in place, by taking the brighter of text and picture.

    That is one cheap pass with the look of blending, provided the ground is darker than the
    colour: darken it first.

    Args:
        image_bgr: (H, W, 3) uint8, BGR. What falls outside is cut off.
        at: x of the left end (or of the right end, with `right`) and y of the baseline.
    """
    patch, baseline = _patch(text, size_px, colour, bold)
    x = at[0] - patch.shape[1] if right else at[0]
    brighten(image_bgr, patch, x, at[1] - baseline)


def brighten(image_bgr: ByteArray, patch: ByteArray, x: int, y: int) -> None:
    """Take, in place, the brighter of picture and (h, w, 3) patch, whose corner lies at x, y."""
    height, width = image_bgr.shape[:2]
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + patch.shape[1], width), min(y + patch.shape[0], height)
    if left < right and top < bottom:
        ground = image_bgr[top:bottom, left:right]
        np.maximum(ground, patch[top - y : bottom - y, left - x : right - x], out=ground)


def text_width(text: str, size_px: int, *, bold: bool = False) -> int:
    """How many pixels a line of text takes."""
    patch, _ = _patch(text, size_px, (255, 255, 255), bold)
    return int(patch.shape[1])


@lru_cache(maxsize=256)
def fit(
    text: str, width_px: int, size_px: int, smallest_px: int, *, bold: bool = False
) -> tuple[str, int]:
    """Shrink a line until it fits, and where the smallest size does not do, shorten it.

    Returns:
        The text, perhaps ending in an ellipsis or empty, and its size.
    """
    smallest_px = max(MIN_SIZE_PX, min(smallest_px, size_px))

    def fits(kept: int) -> bool:
        return text_width(_shortened(text, kept), size_px, bold=bold) <= width_px

    if fits(len(text)):
        return text, size_px
    size_px = max(smallest_px, size_px * width_px // text_width(text, size_px, bold=bold))
    while size_px > smallest_px and not fits(len(text)):
        size_px -= 1
    if fits(len(text)):
        return text, size_px
    kept = bisect_left(range(len(text)), True, key=lambda count: not fits(count)) - 1
    return (_shortened(text, kept) if kept > 0 else ""), size_px


def ink_above(text: str, size_px: int, *, bold: bool = False) -> int:
    """How many pixels a line of text reaches above its baseline."""
    mask, baseline = text_mask(text, size_px, bold=bold)
    inked = np.flatnonzero(mask.any(axis=1))
    return baseline - int(inked[0]) if len(inked) else 0


def _shortened(text: str, kept: int) -> str:
    while 0 < kept < len(text) and joins(text[kept]):  # a letter goes with its marks
        kept -= 1
    return text if kept == len(text) else text[:kept].rstrip() + ELLIPSIS


@lru_cache(maxsize=512)
def _patch(text: str, size_px: int, colour: Colour, bold: bool) -> tuple[ByteArray, int]:
    """The text in its colour on black, and how far down its baseline lies."""
    mask, baseline = text_mask(text, size_px, bold=bold)
    return tinted(mask, colour), baseline


def tinted(mask: ByteArray, colour: Colour) -> ByteArray:
    """(h, w, 3) of a colour, as bright as the (h, w) uint8 mask says."""
    channels = [cv2.convertScaleAbs(mask, alpha=value / 255) for value in colour]
    return np.asarray(cv2.merge(channels), np.uint8)


def text_mask(text: str, size_px: int, *, bold: bool = False) -> tuple[ByteArray, int]:
    """Render one line of text, in any script that the machine has a font for.

    Returns:
        (h, w) uint8, 255 where the text is; h depends on the size and the fonts. And the y of its
        baseline.
    """
    if size_px < FINE_BELOW_PX:
        return _fine_mask(text, size_px, bold)
    parts = [(font(face, size_px), part) for face, part in runs(text)]
    if not parts or any(each is None for each, _ in parts):  # none here, or one was just removed
        return _stroked_mask(folded(text), size_px)
    # Strokes, since Pillow's own font comes in one weight.
    stroke_px = round(size_px / (64 if is_dense(text) else 48)) if bold else 0
    boxes = [each.getbbox(part, anchor="ls") for each, part in parts]
    above, below = zip(*(each.getmetrics() for each, _ in parts), strict=True)
    left, top, right, bottom = zip(*boxes, strict=True)  # letters may reach out of their line
    starts = np.cumsum([max(0, -left[0]), *(each.getlength(part) for each, part in parts)])
    baseline = round(max(*above, *(-y for y in top))) + stroke_px
    width = max(starts[-1], starts[-2] + right[-1])
    size = int(width) + 2 * stroke_px + 1, baseline + round(max(*below, *bottom)) + stroke_px
    canvas = Image.new("L", size)
    draw = ImageDraw.Draw(canvas)
    for (each, part), start in zip(parts, starts, strict=False):
        at = (stroke_px + round(start), baseline)
        draw.text(at, part, 255, each, anchor="ls", stroke_width=stroke_px)
    return np.array(canvas), baseline


def _fine_mask(text: str, size_px: int, bold: bool) -> tuple[ByteArray, int]:
    """Small text from large: drawn small, FreeType would move letters to whole pixels."""
    large, baseline = text_mask(text, size_px * FINER, bold=bold)
    padded = np.zeros([-(-side // FINER) * FINER for side in large.shape], np.uint8)
    shift = -baseline % FINER  # the baseline must stay sharp
    rows = min(large.shape[0], padded.shape[0] - shift)
    padded[shift : shift + rows, : large.shape[1]] = large[:rows]
    height, width = (side // FINER for side in padded.shape)
    small = cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA)
    return STRONGER[np.asarray(small, np.uint8)], (baseline + shift) // FINER


def _stroked_mask(text: str, size_px: int) -> tuple[ByteArray, int]:
    """OpenCV's own strokes, for a machine without any font."""
    face, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, size_px // 16)
    scale = size_px / 30  # the face's capitals are 21 px high at scale 1
    (width, height), below = cv2.getTextSize(text, face, scale, thickness)
    mask = np.zeros((height + below + thickness, max(1, width)), np.uint8)
    cv2.putText(mask, text, (0, height), face, scale, 255, thickness, cv2.LINE_AA)
    return mask, height
