"""The newest stones first, and those that a text is found in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from deploy.decision import Candidate, Verdict
from deploy.errors import RecordError
from deploy.record.place import DATABASE
from deploy.record.reader import RecordReader
from deploy.record.stones import Provisional
from edge_app.record.store import Store


def numbers(folder: Path, limit: int = 10, **asked) -> list[int]:
    with RecordReader(folder) as reader:
        return [entry.id for entry in reader.latest(limit, **asked)]


@pytest.fixture
def record(tmp_path, stone, pictures) -> Path:
    """1 Ruby, 2 Émeraude, 3 referred, 4 Jade or Kunzite, 5 taught, 6 corrected twice."""
    two = Verdict("list", tuple(Candidate(n, 0.3) for n in ("Jade", "Kunzite", "Ruby")), 2)
    with Store(tmp_path) as store:
        store.add(stone("Ruby"), pictures)
        store.add(stone("Émeraude"))
        store.add(stone("Ruby", kind="refer"))
        store.add(stone(verdict=two))
        store.add(stone("Ruby", kind="refer", provisional=Provisional("Tsavorite 50%", 0.97)))
        wrong = stone("Opal")
        store.add(wrong)
        store.correct(wrong.key, "Zircon", "first")
        store.correct(wrong.key, "Straße_9", "RI 1.93")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("ruby", [1]),
        ("ÉMERAUDE", [2]),
        ("E\u0301meraude", [2]),
        ("kunz", [4]),
        ("TSAV", [5]),
        ("%", [5]),
        ("_", [6]),
        ("strasse", [6]),
        ("ri 1.9", [6]),
        ("opal", [6]),
        ("zircon", []),
        ("0.3", []),
        ('"', []),
    ],
)
def test_a_text_is_found_in_what_a_stone_was_called_corrected_to_and_noted_as(record, text, found):
    """Not in what it was not called, though it was a candidate, nor in an older correction."""
    assert numbers(record, text=text) == found


def test_one_reader_finds_one_text_after_another(record):
    with RecordReader(record) as reader:
        found = [[e.id for e in reader.latest(9, text=text)] for text in ("ruby", "jade", "ruby")]
    assert found == [[1], [4], [1]]


def test_pages_follow_one_another(record):
    assert numbers(record, 4) == [6, 5, 4, 3]
    assert numbers(record, 4, before=3) == [2, 1]
    assert numbers(record, 4, before=1) == []


def test_since_looks_at_the_time_and_keeps_the_order_of_writing(tmp_path, stone):
    days = ("2026-03-05", "2026-03-07", "2026-03-06", "2026-03-04", "2026-03-08")
    with Store(tmp_path) as store:
        for day in days:
            store.add(stone(laid_at=f"{day}T10:00:00.000Z", lifted_at=""))

    assert numbers(tmp_path, since="2026-03-06") == [5, 3, 2]
    assert numbers(tmp_path, since="2026-04") == []
    with RecordReader(tmp_path) as reader:
        assert (reader.count("2026-03-06"), reader.count()) == (3, 5)


def test_it_is_said_which_thumbnails_are_kept(record):
    with RecordReader(record) as reader:
        kept = {entry.id: entry.has_thumbnail for entry in reader.latest(10)}
    assert [number for number, has in kept.items() if has] == [1]


def test_names_of_corrections_come_with_the_last_one_first(record):
    with RecordReader(record) as reader:
        assert reader.correction_labels() == ["Straße_9", "Zircon"]


def test_a_row_that_cannot_be_read_is_damage_and_no_crash(record):
    with closing(sqlite3.connect(record / DATABASE)) as connection, connection:
        connection.execute("UPDATE stones SET candidates = 'ruby' WHERE id = 1")
    with pytest.raises(RecordError, match="is damaged"):
        numbers(record, text="ruby")
