from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import ImageFont

from deploy.decision import LIST, NAME, REFER, Candidate, Verdict
from deploy.preprocess import SquareBox
from deploy.record.stones import TAUGHT, Provisional
from edge_app.live.reading import Reading
from edge_app.live.states import CameraState
from edge_app.overlay import fonts
from edge_app.overlay import text as text_module
from edge_app.overlay.overlay import Overlay, _verdict_lines, layout_for
from edge_app.overlay.shapes import sign
from edge_app.overlay.text import ELLIPSIS, fit, ink_above, put_text, text_mask, text_width

CANDIDATES = (
    Candidate("Alexandrite", 0.62),
    Candidate("Chrysoberyl", 0.3),
    Candidate("Emerald", 0.05),
    Candidate("Iolite", 0.001),
)
VERDICTS = {
    NAME: Verdict(NAME, CANDIDATES),
    LIST: Verdict(LIST, CANDIDATES, listed=2),
    REFER: Verdict(REFER, CANDIDATES),
}


def reading(verdict: Verdict | None = VERDICTS[NAME], **other) -> Reading:
    said = {"box": SquareBox(280, 0, 720), "fps": 29.8, "latency_ms": 34.0}
    return Reading(verdict=verdict, **{**said, **other})


def grey(width: int = 1280, height: int = 720, level: int = 128):
    return np.full((height, width, 3), level, np.uint8)


def drawn(what: Reading, image=None, overlay: Overlay | None = None):
    image = grey() if image is None else image
    (overlay or Overlay("gems15", "demo://")).draw(image, what)
    return image


def changed_rows(before, after) -> list[int]:
    return sorted(set(np.nonzero((before != after).any(axis=(1, 2)))[0]))


@pytest.fixture
def no_fonts(monkeypatch):
    """A machine whose Pillow has no font of its own, and that has no DejaVu."""

    def fail(*args, **kwargs):
        raise OSError("cannot open resource")

    def fail_by_size(size=None):
        raise TypeError("load_default() takes 0 positional arguments")

    monkeypatch.setattr(ImageFont, "truetype", fail)
    monkeypatch.setattr(ImageFont, "load_default", fail_by_size)
    forget_text()
    yield
    forget_text()


def forget_text() -> None:
    """Fonts are looked for once in a run."""
    for module in (fonts, text_module):
        for each in vars(module).values():
            if hasattr(each, "cache_clear"):
                each.cache_clear()
    fonts._said.clear()
    fonts._searched.clear()


@pytest.fixture
def no_font_files(monkeypatch):
    """A machine with the font that is inside Pillow, and no other."""
    forget_text()
    monkeypatch.setattr(fonts, "font_files", lambda: ())
    yield
    forget_text()


@pytest.mark.parametrize("kind", [NAME, LIST, REFER, None])
@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (720, 1280), (3840, 2160), (319, 200)])
def test_every_verdict_is_drawn_in_place_on_every_size(kind, size):
    image = grey(*size)
    drawn(reading(VERDICTS.get(kind)), image)
    assert image.shape == (size[1], size[0], 3)
    assert image.max() > 200


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (16, 16), (64, 48), (160, 120)])
@pytest.mark.parametrize("kind", [NAME, LIST, REFER, None])
def test_a_tiny_frame_is_no_trouble(size, kind):
    drawn(reading(VERDICTS.get(kind), state=CameraState.BLACK), grey(*size))


@pytest.mark.parametrize("box", [None, SquareBox(-50, -80, 900), SquareBox(5000, 0, 9)])
def test_a_box_that_reaches_over_the_frame_is_no_trouble(box):
    drawn(reading(box=box))


def test_the_kinds_are_told_apart_in_black_and_white():
    """An operator who does not see green and red reads the sign's shape."""
    masks = [sign(kind, 60).astype(int) for kind in (NAME, LIST, REFER, TAUGHT)]
    for one, other in combinations(range(4), 2):
        assert (abs(masks[one] - masks[other]) > 128).mean() > 0.05


def test_the_picture_above_the_panel_stays_as_it_is_but_for_the_marks():
    before, panel = grey(), layout_for(1280, 720).panel
    after = drawn(reading(box=None), before.copy())
    assert min(changed_rows(before, after)) == panel.y


def test_the_corners_of_the_box_are_marked():
    before, box = grey(), SquareBox(400, 60, 300)
    after = drawn(reading(box=box), before.copy())
    corner = (slice(60, 90), slice(400, 430))
    assert (before[corner] != after[corner]).any()
    assert (before[200:220, 400:700] == after[200:220, 400:700]).all()


def test_a_state_stands_in_a_band_at_the_top_and_the_old_verdict_pales():
    calm, troubled = drawn(reading()), drawn(reading(state=CameraState.STALLED))
    banner = (slice(24, 84), slice(500, 780))
    assert (calm[banner] != troubled[banner]).any(axis=2).mean() > 0.9
    panel = layout_for(1280, 720).panel.of
    saturation = [int(np.ptp(panel(image).astype(int), axis=2).max()) for image in (calm, troubled)]
    assert saturation[0] > 50
    assert saturation[1] < 10


def test_a_candidate_with_more_confidence_has_a_longer_bar():
    layout = layout_for(1280, 720)
    image = drawn(reading(), grey(level=0))
    bright = image[layout.panel.y :, layout.list_x : layout.list_right].min(axis=2) > 115
    longest = sorted(bright.sum(axis=1))[-5:]
    assert longest[0] == pytest.approx(0.62 * (layout.list_right - layout.list_x), abs=2)


def test_figures_change_a_few_times_a_second_only():
    """Thirty numbers a second cannot be read."""
    now = [0.0]
    overlay = Overlay("gems15", "demo://", clock=lambda: now[0])
    first = drawn(reading(fps=10.0), overlay=overlay)
    now[0] = 0.1
    assert (drawn(reading(fps=20.0), overlay=overlay) == first).all()
    now[0] = 0.3
    assert (drawn(reading(fps=20.0), overlay=overlay) != first).any()


@pytest.mark.parametrize(
    "news",
    [
        reading(VERDICTS[REFER]),
        reading(VERDICTS[LIST]),
        reading(None),
        reading(state=CameraState.STALLED),
    ],
)
def test_news_shows_at_once(news):
    overlay = Overlay("gems15", "demo://", clock=lambda: 0.0)
    first = drawn(reading(), overlay=overlay)
    assert (drawn(news, overlay=overlay) != first).any()


def test_the_box_is_never_an_old_one():
    overlay = Overlay("gems15", "demo://", clock=lambda: 0.0)
    drawn(reading(box=SquareBox(0, 0, 100)), overlay=overlay)
    after = drawn(reading(box=SquareBox(600, 0, 300)), overlay=overlay)
    assert (after[:100, :100] == 128).all()


def test_a_name_too_long_for_the_panel_is_shortened():
    long = Verdict(NAME, (Candidate("Padparadscha " * 20, 0.9), Candidate("Opal", 0.1)))
    layout = layout_for(640, 480)
    gap = (slice(layout.panel.y, None), slice(layout.text_x + layout.text_width, layout.list_x - 2))
    image = drawn(reading(long), grey(640, 480, level=0))
    assert image[gap][: layout.px(160)].max() < 30


@pytest.mark.parametrize("width_px", [0, 5, 30, 100, 300])
def test_fitted_text_fits(width_px):
    text, size = fit("Aventurine Yellow or Sapphire", width_px, 60, 20)
    assert not text or text_width(text, size) <= width_px
    assert size >= 20


def test_text_that_fits_is_left_alone():
    assert fit("Opal", 1000, 60, 20) == ("Opal", 60)


def test_text_shrinks_before_it_is_shortened():
    text, size = fit("Alexandrite", text_width("Alexandrite", 60) * 3 // 4, 60, 20)
    assert text == "Alexandrite"
    assert 20 < size < 60


def test_text_that_is_too_long_ends_in_an_ellipsis():
    assert fit("Alexandrite or Chrysoberyl", 120, 24, 20)[0].endswith(ELLIPSIS)


@pytest.mark.parametrize(
    "name", ["Chrysobéryl", "Σμαράγδι", "Изумруд", "エメラルド", "", " ", "a\tb"]
)
def test_any_name_can_be_drawn(name):
    drawn(reading(Verdict(NAME, (Candidate(name, 0.9), Candidate("Opal", 0.1)))))


def test_letters_that_no_font_has_become_their_plain_form(no_font_files):
    """Pillow's own font has ASCII alone; an accent is lost before the letter is."""
    accented, plain = text_mask("Chrysobéryl", 40), text_mask("Chrysoberyl", 40)
    assert (accented[0] == plain[0]).all()


def test_text_is_shortened_between_letters_and_never_before_a_mark():
    word = "e\u0301" * 40
    for width_px in range(100, 400, 7):
        text, _ = fit(word, width_px, 24, 20)
        assert text.removesuffix(ELLIPSIS).count("e") == text.count("\u0301")


def test_a_long_name_stands_on_two_lines():
    name = "Padparadscha-Saphir aus Ratnapura, Sri Lanka, unerhitzt und ungefasst"
    lines = _verdict_lines(name, layout_for(1280, 720), 700)
    assert " ".join(text for text, *_ in lines) == name


def test_tall_letters_stay_below_the_caption():
    layout = layout_for(1280, 720)
    for name in ("Opal", "Ô\u0301\u0302\u0303pal", "翡翠", "माणिक"):
        for text, size, baseline in _verdict_lines(name, layout, 700):
            assert baseline - ink_above(text, size, bold=True) >= layout.panel.y + layout.px(44)


def test_text_is_cut_off_at_the_edge_of_the_frame():
    image = grey(40, 20, level=0)
    put_text(image, "Alexandrite", (-20, 25), 30, (255, 255, 255))
    put_text(image, "Alexandrite", (30, 5), 30, (255, 255, 255))
    put_text(image, "Alexandrite", (500, 500), 30, (255, 255, 255))
    assert image.max() > 0


def test_a_machine_without_any_font_still_shows_text(no_fonts):
    mask, baseline = text_mask("Alexandrite", 40)
    assert mask.max() == 255
    assert 0 < baseline < mask.shape[0]
    drawn(reading())


def test_a_stone_unlike_all_known_ones_looks_other_than_one_that_is_not_sure():
    referred = VERDICTS[REFER]
    stranger = Verdict(REFER, referred.candidates, unfamiliar=True)

    assert changed_rows(drawn(reading(referred)), drawn(reading(stranger)))


def test_nothing_is_guessed_of_a_stone_unlike_all_known_ones():
    one, other = (
        Verdict(REFER, candidates, unfamiliar=True)
        for candidates in (CANDIDATES, tuple(reversed(CANDIDATES)))
    )

    assert np.array_equal(drawn(reading(one)), drawn(reading(other)))
    assert changed_rows(drawn(reading(one)), drawn(reading(VERDICTS[REFER])))


def test_a_verdict_that_may_still_change_has_no_colour_of_a_verdict():
    panel = layout_for(1280, 720).panel.of
    final, looking = drawn(reading()), drawn(reading(final=False))
    saturation = [int(np.ptp(panel(image).astype(int), axis=2).max()) for image in (final, looking)]
    assert saturation[0] > 50
    assert saturation[1] < 10


def test_what_to_do_stands_in_place_of_a_verdict_and_uses_the_whole_width():
    layout = layout_for(1280, 720)
    prompt = "getting to know the tray: hold everything still"
    before, after = drawn(reading(None)), drawn(reading(None, prompt=prompt))
    changed = (before != after).any(axis=(0, 2))
    assert changed[layout.list_x : layout.list_right].any()


@pytest.mark.parametrize("said", [{"prompt": "take the hand away"}, {"hint": "garnet"}])
def test_beside_a_verdict_it_stands_in_a_line_on_top_of_the_panel(said):
    layout = layout_for(1280, 720)
    rows = changed_rows(drawn(reading()), drawn(reading(**said)))
    assert layout.panel.y - 44 <= rows[0]
    assert rows[-1] < layout.panel.y


def test_trouble_with_the_record_shows_while_the_camera_is_well():
    quiet, troubled = drawn(reading()), drawn(reading(trouble="the disk is full"))
    assert changed_rows(quiet, troubled)[-1] < 80


TSAVORITE = Provisional("Tsavorite", 0.971)


def test_a_taught_name_shows_nothing_of_what_the_model_took_it_for():
    """Confidences beside it would be read as those of the taught name."""
    listed, referred = (
        drawn(reading(VERDICTS[kind], provisional=TSAVORITE)) for kind in (LIST, REFER)
    )

    assert (listed == referred).all()
    layout = layout_for(1280, 720)
    rows = slice(layout.panel.y, layout.panel.y + layout.px(150))
    assert np.ptp(listed[rows, layout.list_x : layout.list_right - layout.px(20)]) == 0


def test_a_taught_name_has_a_colour_of_its_own():
    panel = layout_for(1280, 720).panel.of
    blue, _, red = panel(drawn(reading(VERDICTS[REFER], provisional=TSAVORITE))).T.astype(int)
    for kind in (NAME, LIST):
        other_blue, _, other_red = panel(drawn(reading(VERDICTS[kind]))).T.astype(int)
        assert (blue - red).max() > (other_blue - other_red).max() + 30


def test_a_taught_name_that_may_still_change_has_no_colour():
    panel = layout_for(1280, 720).panel.of
    image = panel(drawn(reading(VERDICTS[REFER], provisional=TSAVORITE, final=False)))
    assert np.ptp(image.astype(int), axis=2).max() < 10


def test_a_taught_name_shows_at_once_and_its_likeness_a_few_times_a_second():
    overlay = Overlay("gems15", "demo://", clock=lambda: 0.0)
    plain = drawn(reading(VERDICTS[REFER]), overlay=overlay)
    taught = drawn(reading(VERDICTS[REFER], provisional=TSAVORITE), overlay=overlay)
    nearer = reading(VERDICTS[REFER], provisional=Provisional("Tsavorite", 0.99))

    assert (plain != taught).any()
    assert (drawn(nearer, overlay=overlay) == taught).all()
