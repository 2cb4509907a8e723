"""What the operator sees over the live picture: the verdict, large, and how sure it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deploy.arrays import ByteArray
from deploy.decision import LIST, NAME, REFER, Candidate, Verdict
from deploy.record.stones import TAUGHT, Provisional
from edge_app.live.reading import Reading
from edge_app.live.states import CameraState
from edge_app.overlay.shapes import Rect, darken, fill, mark_corners, rounded, sign
from edge_app.overlay.text import (
    Colour,
    brighten,
    fit,
    ink_above,
    put_text,
    text_mask,
    text_width,
    tinted,
)

REFRESH_S = 0.25  # figures that change with every frame cannot be read
CANDIDATES = 4

WHITE: Colour = (250, 250, 250)
SOFT: Colour = (205, 205, 205)
TRACK: Colour = (108, 108, 108)
DARK: Colour = (24, 24, 24)
WARNING: Colour = (70, 190, 255)  # amber
WAITING = ""
LIVE = CameraState.LIVE

ACCENTS: dict[str, Colour] = {
    NAME: (160, 226, 122),  # green
    LIST: (110, 206, 255),  # amber
    REFER: (140, 150, 255),  # coral
    TAUGHT: (255, 200, 130),  # blue
    WAITING: SOFT,
}
CAPTIONS = {
    NAME: "LOOKS LIKE",
    LIST: "ONE OF THESE",
    REFER: "NOT SURE: ASK A GEMMOLOGIST",
    TAUGHT: "TAUGHT HERE, PROVISIONAL",
    WAITING: "WAITING",
}
LOOKING = "LOOKING"
LAST = "THE LAST STONE"
UNFAMILIAR = "UNLIKE EVERY KIND IT KNOWS"


@dataclass(frozen=True)
class Layout:
    """Where everything stands on a frame of one size, in pixels.

    unit: pixels per 1/720 of the frame's height (or of 3/4 of its width, if that is less).
    """

    unit: float
    panel: Rect
    text_x: int
    text_width: int
    list_x: int
    list_right: int

    def px(self, units: float, *, least: int = 1) -> int:
        """A length given for a frame 720 pixels high."""
        return max(least, round(units * self.unit))


@lru_cache(maxsize=8)
def layout_for(width: int, height: int) -> Layout:
    """Place the panel along the bottom: the verdict on the left, the short list on the right."""
    unit = min(height, 0.75 * width) / 720

    def px(units: float) -> int:
        return max(1, round(units * unit))

    margin, pad = px(20), px(24)
    panel = Rect(margin, height - margin - px(194), width - 2 * margin, px(194))
    right = panel.x + panel.width - pad
    list_x = panel.x + round(panel.width * 0.64)
    text_x = panel.x + pad + px(68) + px(20)
    return Layout(unit, panel, text_x, list_x - px(28) - text_x, list_x, right)


class Overlay:
    """Draws readings on frames. One for each run: it remembers which figures it showed last."""

    def __init__(self, *names: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: names: shown small, as of the bundle, the source and what runs the model."""
        self._names = "   ".join(names)
        self._clock = clock
        self._shown: Reading | None = None
        self._shown_at = 0.0

    def draw(self, image_bgr: ByteArray, reading: Reading) -> None:
        """Draw a reading on a frame, in place.

        A changed verdict and a changed state show at once; figures alone are renewed a few times
        a second.

        Args:
            image_bgr: (H, W, 3) uint8, BGR, C-contiguous, any size.
        """
        height, width = image_bgr.shape[:2]
        layout = layout_for(width, height)
        shown = self._legible(reading)
        if reading.box is not None:
            mark_corners(image_bgr, reading.box, layout.unit, layout.panel.y)
        darken(image_bgr, layout.panel, layout.px(18))
        _draw_verdict(image_bgr, layout, shown)
        _draw_candidates(image_bgr, layout, shown)
        self._draw_figures(image_bgr, layout, shown)
        if shown.verdict is not None and (more := shown.prompt or shown.hint):
            _draw_more(image_bgr, layout, more)
        if shown.state is not LIVE:
            _draw_state(image_bgr, layout, shown)
        elif shown.trouble:
            _draw_band(image_bgr, layout, shown.trouble, layout.px(20, least=10), layout.px(24))

    def _legible(self, reading: Reading) -> Reading:
        now = self._clock()
        shown = self._shown
        if shown is None or now - self._shown_at >= REFRESH_S or _differs(shown, reading):
            self._shown, self._shown_at = reading, now
            return reading
        return shown

    def _draw_figures(self, image: ByteArray, layout: Layout, reading: Reading) -> None:
        baseline = layout.panel.y + layout.px(178)
        size = layout.px(16, least=10)
        left, right = layout.panel.x + layout.px(24), layout.list_right
        gap = layout.px(12)
        for figure in _figures(reading):
            start = right - text_width(figure, size)
            if start < layout.panel.x + layout.panel.width // 2:
                break
            put_text(image, figure, (start, baseline), size, SOFT)
            right = start - gap
        names, size = fit(self._names, right - gap - left, size, size)
        put_text(image, names, (left, baseline), size, SOFT)


def _differs(shown: Reading, reading: Reading) -> bool:
    return _words(shown) != _words(reading) or _said(shown) != _said(reading)


def _words(reading: Reading) -> tuple[object, ...]:
    return (
        *(reading.state, reading.note, reading.trouble),
        *(reading.final, reading.lifted, reading.prompt, reading.hint),
    )


def _said(reading: Reading) -> tuple[object, ...] | None:
    verdict, taught = reading.verdict, reading.provisional
    if verdict is None:
        return None
    labels = (candidate.label for candidate in verdict.candidates)
    return verdict.kind, verdict.listed, verdict.unfamiliar, taught and taught.label, *labels


def _figures(reading: Reading) -> tuple[str, ...]:
    """The figures from right to left, the most telling first; apart, most are rendered already."""
    return f"{reading.fps:.1f} FPS", f"{reading.latency_ms:.0f} ms", f"{reading.dropped} dropped"


def _draw_verdict(image: ByteArray, layout: Layout, reading: Reading) -> None:
    verdict, px, panel = reading.verdict, layout.px, layout.panel
    kind = _kind(reading)
    news = reading.state is LIVE and reading.final  # else it must not look like a verdict
    accent = ACCENTS[kind] if news else SOFT
    brighten(image, _sign(kind, px(68), accent), panel.x + px(24), panel.y + px(46))
    caption, size = fit(_caption(reading), layout.text_width, px(17, least=9), px(12))
    put_text(image, caption, (layout.text_x, panel.y + px(40)), size, accent, bold=True)
    beside_a_list = verdict is not None and reading.provisional is None
    width = layout.text_width if beside_a_list else layout.list_right - layout.text_x
    for text, size, baseline in _verdict_lines(_name(reading), layout, width):
        colour = WHITE if news and verdict else SOFT
        put_text(image, text, (layout.text_x, baseline), size, colour, bold=True)
    if verdict and (sure := _sureness(verdict, reading.provisional)):
        _draw_sureness(image, layout, *sure)


def _kind(reading: Reading) -> str:
    if reading.verdict is None:
        return WAITING
    return TAUGHT if reading.provisional else reading.verdict.kind


def _name(reading: Reading) -> str:
    """What stands there large."""
    verdict, taught = reading.verdict, reading.provisional
    if verdict is None:
        return _capitalized(reading.prompt or "no stone is read")
    if taught is not None:
        return taught.label
    return _capitalized(verdict.text) if verdict.kind == REFER else verdict.text


def _capitalized(said: str) -> str:
    return said[:1].upper() + said[1:]  # a label keeps its own case


def _caption(reading: Reading) -> str:
    kind = _kind(reading)
    if reading.verdict is None:
        return CAPTIONS[kind]
    if not reading.final:
        return LOOKING
    if reading.lifted:
        return LAST
    return UNFAMILIAR if kind == REFER and reading.verdict.unfamiliar else CAPTIONS[kind]


def _draw_more(image: ByteArray, layout: Layout, said: str) -> None:
    """A line on top of the panel, beside the verdict that stands in it."""
    px, panel = layout.px, layout.panel
    size = px(20, least=10)
    text, size = fit(said, max(1, panel.width - 2 * px(24)), size, size * 3 // 5)
    darken(image, Rect(panel.x, panel.y - px(44), panel.width, px(38)), px(14))
    put_text(image, text, (panel.x + px(24), panel.y - px(18)), size, WHITE)


@lru_cache(maxsize=32)
def _sign(kind: str, size_px: int, colour: Colour) -> ByteArray:
    return tinted(sign(kind, size_px), colour)


@lru_cache(maxsize=64)
def _verdict_lines(text: str, layout: Layout, width: int) -> list[tuple[str, int, int]]:
    """The verdict as large as it fits, on two lines where one would be too small.

    Returns:
        Text, size and baseline of each line.
    """
    px, top = layout.px, layout.panel.y
    largest = min(px(68), px(68) * px(58) // max(1, ink_above(text, px(68), bold=True)))
    one, one_px = fit(text, width, largest, px(40), bold=True)
    first, second = _halves(text, anywhere=one != text)
    if not second or (one == text and one_px >= min(px(48), largest)):
        return [(one, one_px, top + px(106))]
    size = min(fit(half, width, px(40), px(20), bold=True)[1] for half in (first, second))
    first, second = (fit(half, width, size, size, bold=True)[0] for half in (first, second))
    return [(first, size, top + px(75)), (second, size, top + px(112))]


def _halves(text: str, *, anywhere: bool) -> tuple[str, str]:
    """ "A or B or C" broken after the "or" nearest its middle; without one, all and nothing.

    Args:
        anywhere: break it between other words too, where there is no "or".
    """
    ends = [at + len(" or") for at in range(len(text)) if text.startswith(" or ", at)]
    if anywhere and not ends:
        ends = [at for at, letter in enumerate(text) if letter == " "]
    if not ends:
        return text, ""
    end = min(ends, key=lambda at: abs(at - len(text) / 2))
    return text[:end], text[end + 1 :]


def _draw_sureness(image: ByteArray, layout: Layout, share: float, words: str) -> None:
    size, baseline = layout.px(21, least=10), layout.panel.y + layout.px(144)
    put_text(image, _percent(share), (layout.text_x, baseline), size, SOFT, bold=True)
    ahead = text_width(_percent(share), size, bold=True) + layout.px(8)
    words, smaller = fit(words, layout.text_width - ahead, size, size * 3 // 4)
    put_text(image, words, (layout.text_x + ahead, baseline), smaller, SOFT)


def _sureness(verdict: Verdict, taught: Provisional | None) -> tuple[float, str] | None:
    """How sure the name is, 0 to 1, and of what; None where that would be read as a name."""
    first = verdict.candidates[0]
    if taught is not None:
        return taught.similarity, "like the stone that was taught"
    if verdict.unfamiliar:
        return None
    if verdict.kind == LIST:
        return sum(c.confidence for c in verdict.candidates[: verdict.listed]), "together"
    return first.confidence, "sure" if verdict.kind == NAME else f"{first.label}, the best guess"


def _percent(confidence: float) -> str:
    return f"{confidence:.0%}" if confidence >= 0.005 else "<1%"


def _draw_candidates(image: ByteArray, layout: Layout, reading: Reading) -> None:
    verdict = reading.verdict
    if verdict is None or verdict.unfamiliar or reading.provisional:
        return  # the model's confidences would be read as those of another name
    meant = len(verdict.meant)
    news = reading.state is LIVE and reading.final
    accent = ACCENTS[verdict.kind] if news else SOFT
    for row, candidate in enumerate(verdict.candidates[:CANDIDATES]):
        bright = row < meant and news
        _draw_candidate(image, layout, row, candidate, accent if row < meant else SOFT, bright)


def _draw_candidate(
    image: ByteArray, layout: Layout, row: int, candidate: Candidate, bar: Colour, bright: bool
) -> None:
    px, size = layout.px, layout.px(18, least=10)
    left, right = layout.list_x, layout.list_right
    baseline = layout.panel.y + px(36 + 33 * row)
    colour = WHITE if bright else SOFT
    put_text(image, _percent(candidate.confidence), (right, baseline), size, colour, right=True)
    label, size = fit(candidate.label, right - left - text_width("100%", size) - px(8), size, size)
    put_text(image, label, (left, baseline), size, colour)
    track = Rect(left, baseline + px(6), right - left, px(5, least=2))
    fill(image, track, TRACK)
    fill(image, track._replace(width=round(track.width * candidate.confidence)), bar)


def _draw_state(image: ByteArray, layout: Layout, reading: Reading) -> None:
    """What is wrong and what to do, in a solid band at the top that nobody overlooks."""
    px, state = layout.px, reading.state
    said = f"{state.value.capitalize()}: {state.advice}"
    _draw_band(image, layout, said, px(34, least=12), px(24))
    if reading.note:
        _draw_band(image, layout, reading.note, px(20, least=10), px(94))


def _draw_band(image: ByteArray, layout: Layout, said: str, size: int, y: int) -> None:
    room = layout.panel.width - layout.px(48)
    text, size = fit(said, max(1, room), size, size * 3 // 5)
    patch = _state_patch(text, size, size * 7 // 4)
    x = (image.shape[1] - patch.shape[1]) // 2
    area = Rect(x, y, patch.shape[1], patch.shape[0])
    inside = area.clipped(image)
    with rounded(image, inside, layout.px(14)):
        cut = Rect(inside.x - x, inside.y - y, inside.width, inside.height)
        inside.of(image)[...] = cut.of(patch)


@lru_cache(maxsize=8)
def _state_patch(text: str, size_px: int, height_px: int) -> ByteArray:
    """Dark text on the warning colour, (h, w, 3), opaque."""
    mask, baseline = text_mask(text, size_px, bold=True)
    height_px = max(height_px, mask.shape[0])
    ink = np.zeros((height_px, mask.shape[1] + height_px), np.float32)
    top = (height_px - size_px) // 2 + size_px - baseline - size_px // 8
    top = min(max(top, 0), height_px - mask.shape[0])
    left = height_px // 2
    ink[top : top + mask.shape[0], left : left + mask.shape[1]] = mask / 255
    ground, colour = np.array(WARNING, np.float32), np.array(DARK, np.float32)
    patch: ByteArray = (ground + ink[:, :, None] * (colour - ground)).astype(np.uint8)
    return patch
