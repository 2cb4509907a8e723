"""Lines for a terminal: harmless in it, and no end of the scanner where they cannot be written."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from edge_app.terminal import say


def test_a_line_moves_no_cursor(capsys: pytest.CaptureFixture[str]):
    say("taught: \x1b[2Jblue\nstone")

    assert capsys.readouterr().out == "taught: \ufffd[2Jblue\ufffdstone\n"


@pytest.mark.parametrize("name", ["نمی\u200cد", "翡翠\u3000玉", "Péridot", "e\u0301"])
def test_a_name_of_any_script_is_itself(capsys: pytest.CaptureFixture[str], name: str):
    say(name)

    assert capsys.readouterr().out == f"{name}\n"


def test_a_name_turns_no_line_around(capsys: pytest.CaptureFixture[str]):
    say("ruby \u202eypeels")

    assert capsys.readouterr().out == "ruby \ufffdypeels\n"


def test_without_a_terminal_nothing_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", None)

    say("ruby")


def test_a_name_that_the_terminal_cannot_write_is_spelt_out(monkeypatch: pytest.MonkeyPatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))

    say("é 紅玉")

    assert raw.getvalue() == "é \\u7d05\\u7389\n".encode("latin-1")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_behind_a_line_stops_nothing(monkeypatch: pytest.MonkeyPatch):
    with Path("/dev/full").open("wb", buffering=0) as raw:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, write_through=True))
        with pytest.raises(OSError, match="No space left"):
            print("ruby", flush=True)

        say("ruby")


def test_a_closed_terminal_stops_nothing(monkeypatch: pytest.MonkeyPatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)

    say("ruby")
