"""Text on a frame: each string is rendered once into a coloured patch, and copied from then on."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deploy.arrays import ByteArray

Colour = tuple[int, int, int]  # B, G, R

ELLIPSIS = "..."
MIN_SIZE_PX = 8
FINE_BELOW_PX, FINER = 32, 4
# Half-covered pixels vanish before a ground that is not black, and small text is made of them.
STRONGER = (255 * (np.arange(256) / 255) ** 0.7).astype(np.uint8)
FONT_FILES = ("DejaVuSans.ttf",)  # Pillow looks through the system's font folders


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
    wanted = text_width(text, size_px, bold=bold)
    if wanted <= width_px:
        return text, size_px
    size_px = max(smallest_px, size_px * width_px // wanted)
    kept = len(text)
    while kept and text_width(_shortened(text, kept), size_px, bold=bold) > width_px:
        kept -= 1 if size_px > smallest_px else max(1, kept // 16)
        size_px = max(smallest_px, size_px - 1)
    return (_shortened(text, kept) if kept else ""), size_px


def _shortened(text: str, kept: int) -> str:
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
    """Render one line of text.

    Returns:
        (h, w) uint8, 255 where the text is; h depends on the size alone. And the y of its
        baseline.
    """
    if size_px < FINE_BELOW_PX:
        return _fine_mask(text, size_px, bold)
    font = _font_for(text, size_px)
    if font is None:
        return _stroked_mask(_folded(text), size_px)
    text = text if _covers(font, text) else _folded(text)
    stroke_px = round(size_px / 48) if bold else 0  # Pillow's own font comes in one weight
    ascent, descent = font.getmetrics()
    width = max(1, int(font.getlength(text)) + 2 * stroke_px + 1)
    canvas = Image.new("L", (width, ascent + descent + 2 * stroke_px))
    baseline = ascent + stroke_px
    at = (stroke_px, baseline)
    ImageDraw.Draw(canvas).text(at, text, 255, font, anchor="ls", stroke_width=stroke_px)
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


def _font_for(text: str, size_px: int) -> Any:
    """The first font that has every letter, else the first there is, else None."""
    fonts = _fonts(size_px)
    return next((font for font in fonts if _covers(font, text)), fonts[0] if fonts else None)


@lru_cache(maxsize=64)
def _fonts(size_px: int) -> tuple[Any, ...]:
    fonts = [_built_in_font(size_px), *(_system_font(name, size_px) for name in FONT_FILES)]
    return tuple(font for font in fonts if font is not None)


def _built_in_font(size_px: int) -> Any:
    try:
        return ImageFont.load_default(size_px)
    except (TypeError, ImportError):  # Pillow before 10.1, or one without FreeType
        return None


def _system_font(name: str, size_px: int) -> Any:
    try:
        return ImageFont.truetype(name, size_px)
    except (OSError, ImportError):  # no such font here, or a Pillow without FreeType
        return None


def _covers(font: Any, text: str) -> bool:
    return all(_has_letter(font, letter) for letter in set(text) if not letter.isspace())


@lru_cache(maxsize=2048)
def _has_letter(font: Any, letter: str) -> bool:
    """A font draws the same box for every letter it lacks, as it does for U+FFFF."""
    drawn, lacking = font.getmask(letter), font.getmask("\uffff")
    return drawn.size != lacking.size or bytes(drawn) != bytes(lacking)


def _folded(text: str) -> str:
    """The nearest ASCII: accents dropped, what is left over as a question mark."""
    apart = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return plain.encode("ascii", "replace").decode()


def _stroked_mask(text: str, size_px: int) -> tuple[ByteArray, int]:
    """OpenCV's own strokes, for a machine without any font."""
    face, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, size_px // 16)
    scale = size_px / 30  # the face's capitals are 21 px high at scale 1
    (width, height), below = cv2.getTextSize(text, face, scale, thickness)
    mask = np.zeros((height + below + thickness, max(1, width)), np.uint8)
    cv2.putText(mask, text, (0, height), face, scale, 255, thickness, cv2.LINE_AA)
    return mask, height
