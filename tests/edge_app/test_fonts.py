"""Any script, as well as the machine can: with the fonts that are installed, and without them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import features

from edge_app.overlay import fonts
from edge_app.overlay.fonts import BUILT_IN, font_files, has_letter, runs
from edge_app.overlay.text import text_mask, text_width


@pytest.fixture(autouse=True)
def forgotten():
    """Fonts are looked for once in a run; each test is a run of its own."""
    yield forget()
    forget()


def forget() -> None:
    for each in vars(fonts).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()
    fonts._said.clear()
    fonts._searched.clear()


@pytest.fixture
def no_font_files(monkeypatch):
    monkeypatch.setattr(fonts, "font_files", lambda: ())


def needs(letter: str) -> None:
    if not fonts._file_with(letter):
        pytest.skip(f"no font on this machine has “{letter}”")


def needs_raqm() -> None:
    if not features.check("raqm"):
        pytest.skip("this Pillow has no raqm")


def test_what_the_built_in_font_has_is_drawn_with_it_alone():
    assert runs("Tiger Eye - 3") == ((BUILT_IN, "Tiger Eye - 3"),)


def test_an_accent_does_not_change_the_font_in_the_middle_of_a_word():
    if not any(path.name in fonts.PLAIN_FILES for path in font_files()):
        pytest.skip("no font with accents on this machine")
    assert len(runs("Größe")) == len(runs("Дымчатый кварц")) == 1


@pytest.mark.parametrize(
    "label", ["翡翠", "ทับทิม", "माणिक", "ياقوت أحمر", "אודם", "루비", "エメラルド", "紅寶石 Ruby"]
)
def test_a_script_is_drawn_where_a_font_has_it(label):
    for letter in label:
        if letter.isalpha():
            needs(letter)
    assert "".join(sorted("".join(part for _, part in runs(label)))) == "".join(sorted(label))
    assert all(has_letter(face, letter) for face, part in runs(label) for letter in part)


def test_a_mark_is_drawn_with_its_letter():
    needs("म")
    (run,) = runs("माणिक")
    assert run[1] == "माणिक"


def test_arabic_letters_are_joined():
    """Each by itself takes more room than in a word."""
    needs("ي")
    needs_raqm()
    word = "ياقوت"
    assert text_width(word, 60) < 0.9 * sum(text_width(letter, 60) for letter in word)


def test_parts_are_laid_out_from_the_right_where_the_text_reads_so():
    needs("翡")
    needs("ي")
    needs_raqm()
    assert [part.strip() for _, part in runs("ياقوت 翡翠")] == ["翡翠", "ياقوت"]
    assert [part.strip() for _, part in runs("翡翠 ياقوت")] == ["翡翠", "ياقوت"]


def test_what_no_font_has_is_a_box_and_the_log_says_once_what_to_install(no_font_files, caplog):
    mask, _ = text_mask("翡翠", 40)
    text_mask("翡翠", 20)
    text_mask("紅寶石", 40)
    text_mask("ทับทิม", 40)

    assert np.asarray(mask).any()
    chinese, thai = caplog.records
    assert "翡" in chinese.getMessage()
    assert "apt install fonts-noto-cjk" in chinese.getMessage()
    assert "apt install fonts-noto-core" in thai.getMessage()
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_all_fonts_are_looked_through_once_for_a_script_that_none_has(monkeypatch):
    opened = []
    real = fonts.font.__wrapped__
    monkeypatch.setattr(fonts, "font_files", lambda: (Path("a.ttf"), Path("b.ttf")))
    monkeypatch.setattr(
        fonts.font, "__wrapped__", lambda face, px: opened.append(face) or real(face, px)
    )

    for letter in "ทับทิม":
        assert fonts._file_with(letter) == ""

    assert sorted(opened) == ["a.ttf", "b.ttf"]


def test_the_plainest_font_of_a_script_comes_first():
    names = ["NotoSerifThai-Regular.ttf", "NotoSansThai-Bold.ttf", "NotoSansThai-Regular.ttf"]
    assert min(map(Path, names), key=fonts._plainness).name == "NotoSansThai-Regular.ttf"


def test_control_characters_are_blanks():
    assert runs("a\tb\nc\x00d") == runs("a b c d")


def test_text_from_the_right_without_raqm_is_said_once(monkeypatch, caplog):
    monkeypatch.setattr(features, "check", lambda what: False)
    fonts._reads_from_the_right("ياقوت")
    fonts._reads_from_the_right("אודם")
    (said,) = caplog.records
    assert "sudo apt install libraqm0" in said.getMessage()


def test_a_font_that_is_removed_while_the_scanner_runs_is_no_trouble(monkeypatch):
    runs("Ruby")
    monkeypatch.setattr("edge_app.overlay.text.font", lambda face, size_px: None)
    mask, _ = text_mask("Ruby", 40)
    assert mask.max() == 255
