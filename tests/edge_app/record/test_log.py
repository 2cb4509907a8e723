"""`gemscan log`: columns, CSV and JSON, of the stones that were asked for."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import gemscan
from deploy.errors import SettingsError
from deploy.record.stones import Provisional, utc_text
from edge_app.record.moments import local_text, read_moment
from edge_app.record.store import Store

ROOT = Path(gemscan.__file__).parent


def log(folder: Path, *flags: str) -> int:
    return gemscan.main(["log", "--folder", str(folder), *flags])


def ago(**passed: float) -> dict[str, str]:
    at = utc_text(datetime.now(timezone.utc) - timedelta(**passed))
    return {"laid_at": at, "lifted_at": at}


@pytest.fixture
def zone(monkeypatch):
    """Moves this machine to another time zone for the test."""

    def move(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def zurich(zone):
    zone("Europe/Zurich")


@pytest.fixture
def record(tmp_path, stone):
    """Three days: a name, a list, a stone that was referred, a taught one, a corrected one."""
    corrected = stone("Ruby", **ago(minutes=1))
    with Store(tmp_path) as store:
        store.add(stone("Diamond", **ago(days=3)))
        store.add(stone("Pyrope", "list", **ago(hours=5)))
        store.add(stone("Jade", "refer", **ago(minutes=90)))
        store.add(stone("Jade", "refer", provisional=Provisional("Kunzite", 0.97), **ago(hours=1)))
        store.add(corrected)
        store.correct(corrected.key, "Red Spinel")
    return tmp_path


def test_the_table_says_what_each_stone_is(record, capsys):
    assert log(record) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert "Diamond" in lines[1]
    assert "90%" in lines[1]
    assert "Pyrope or Spinel" in lines[2]
    assert "%" not in lines[2]
    assert "refer" in lines[3]
    assert "Kunzite (taught)" in lines[4]
    assert lines[5].endswith("Red Spinel")
    assert lines[6] == "stones: 5, referred: 1, corrected: 1"


@pytest.mark.parametrize(
    ("flags", "numbers"),
    [
        ((), [1, 2, 3, 4, 5]),
        (("--since", "2h"), [3, 4, 5]),
        (("--since", "4d", "--until", "2h"), [1, 2]),
        (("--since", "2m"), [5]),
        (("--until", "2000-01-01"), []),
        (("--refer",), [3]),
        (("--label", "red spinel"), [5]),
        (("--label", "Ｒed Spinel"), [5]),
        (("--label", "Ruby"), []),
        (("--label", "Spinel"), [2]),
        (("--label", "kunzite"), [4]),
        (("--label", "Jade"), []),
    ],
)
def test_flags_choose_stones(record, capsys, flags, numbers):
    assert log(record, "--json", *flags) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == numbers


def test_json_holds_all_that_is_known(record, capsys):
    log(record, "--json", "--label", "Red Spinel")
    said = json.loads(capsys.readouterr().out)
    assert said["correction"]["label"] == "Red Spinel"
    assert said["stone"]["verdict"]["candidates"][0] == {"label": "Ruby", "confidence": 0.9}
    assert said["stone"]["setup"]["bundle_digest"] == "d" * 64


HOSTILE = ['a "b", c', "two\nlines", "=cmd|' /C calc'!A0", "@x", "-2+3", " =1+1", "翡翠", "../x"]


def test_csv_is_read_back_as_it_was_and_holds_no_formula(tmp_path, stone, capsys):
    with Store(tmp_path) as store:
        for label in HOSTILE:
            store.add(stone(label))

    assert log(tmp_path, "--csv") == 0

    out = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert len(rows) == len(HOSTILE)
    assert [row["names"].lstrip("'") for row in rows] == HOSTILE
    assert not any(v.lstrip(" ").startswith(("=", "@", "+", "-")) for r in rows for v in r.values())
    assert out.count("\r\n") == 1 + len(HOSTILE)
    assert '"a ""b"", c"' in out


def test_a_name_cannot_move_the_terminals_cursor(tmp_path, stone, capsys):
    with Store(tmp_path) as store:
        store.add(stone("\x1b[2J\r\nRuby"))
        store.add(stone("翡" * 40))
    log(tmp_path)
    lines = capsys.readouterr().out.split("\n")
    assert "\x1b" not in lines[1]
    assert "Ruby" in lines[1]
    assert "…" in lines[2]
    assert len(lines) == 5


def test_a_stone_that_still_lay_there_at_the_end_has_no_time_of_lifting(tmp_path, stone, capsys):
    with Store(tmp_path) as store:
        store.add(stone(lifted_at=""))
    log(tmp_path, "--csv")
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert row["lifted_at"] == ""
    assert row["laid_at"]


def test_a_negative_number_stays_one(tmp_path, stone, capsys):
    with Store(tmp_path) as store:
        store.add(stone(familiarity=-17.25))
    log(tmp_path, "--csv")
    assert ",-17.25," in capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "recorded", "local"),
    [
        ("Europe/Zurich", "2026-07-01T10:00:00.000Z", "2026-07-01 12:00:00 +02:00"),
        ("Europe/Zurich", "2026-01-01T10:00:00.999Z", "2026-01-01 11:00:00 +01:00"),
        ("America/New_York", "2026-01-01T04:00:00.500Z", "2025-12-31 23:00:00 -05:00"),
    ],
)
def test_times_are_local_with_their_offset(zone, place, recorded, local):
    zone(place)
    assert local_text(recorded) == local


@pytest.mark.parametrize(
    ("text", "end", "meant"),
    [
        ("2026-01-31", False, "2026-01-30T23:00:00.000Z"),
        ("2026-01-31", True, "2026-01-31T23:00:00.000Z"),
        ("2026-03-29", True, "2026-03-29T22:00:00.000Z"),  # a day of 23 hours
        ("2026-01-31 14:30", True, "2026-01-31T13:30:00.000Z"),
        ("2026-01-31T14:30Z", False, "2026-01-31T14:30:00.000Z"),
        ("today", False, "2026-06-14T22:00:00.000Z"),
        ("Yesterday", True, "2026-06-14T22:00:00.000Z"),
        ("2h", False, "2026-06-15T08:00:00.000Z"),
        ("1w", False, "2026-06-08T10:00:00.000Z"),
    ],
)
def test_moments_are_read_as_people_write_them(zurich, text, end, meant):
    now = datetime(2026, 6, 15, 10, tzinfo=timezone.utc).astimezone()
    assert read_moment(text, now, end=end) == meant


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30", "999999w", "2x", "-1h"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(SettingsError, match="is no moment"):
        read_moment(text, datetime.now().astimezone())


def test_without_a_record_one_sentence_says_so(tmp_path, capsys):
    assert log(tmp_path) == 2
    assert "there is no record of stones in" in capsys.readouterr().err


def test_an_empty_record_is_no_error(tmp_path, capsys):
    Store(tmp_path).close()
    assert log(tmp_path) == 0
    assert capsys.readouterr().out == "no stones\n"


@pytest.mark.parametrize("at", [0, 3 * 4096])
def test_a_damaged_database_is_one_sentence(tmp_path, stone, capsys, at):
    with Store(tmp_path) as store:
        for _ in range(50):
            store.add(stone())
    path = tmp_path / "stones.db"
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * (path.stat().st_size - at if at else 4096))

    assert log(tmp_path) == 2

    said = capsys.readouterr().err
    assert ".recover" in said
    assert "Traceback" not in said


def test_a_program_that_stops_reading_is_no_error(record):
    command = [sys.executable, str(ROOT / "gemscan.py"), "log", "--csv", "--folder", str(record)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_every_name_is_printed_whatever_the_terminals_language(tmp_path, stone):
    with Store(tmp_path) as store:
        store.add(stone("翡翠"))
    command = [sys.executable, str(ROOT / "gemscan.py"), "log", "--folder", str(tmp_path)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=env, check=True)
    assert "翡翠" in done.stdout.decode()
