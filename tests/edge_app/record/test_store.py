"""The writer of the record: what is kept, what a kill leaves, what is refused."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from deploy.decision import Candidate, Verdict
from deploy.errors import FrameError, RecordError, SettingsError, StorageError
from deploy.pictures import read_picture
from deploy.record import schema
from deploy.record.lock import sole_writer
from deploy.record.pictures import picture_paths
from deploy.record.place import DATABASE, PICTURES, record_folder
from deploy.record.reader import RecordReader
from deploy.record.stones import Provisional, Setup, utc_ago, utc_now, utc_text
from edge_app.record.files import MOST_STRAYS, StonePictures
from edge_app.record.store import Store, UnknownStoneError

ROOT = Path(schema.__file__).parents[2]
ATTEMPTS = 12
CHILD = Path(__file__).with_name("adding_stones.py")


def entries(folder: Path) -> list:
    with RecordReader(folder) as reader:
        return list(reader.entries())


def files(folder: Path) -> list[Path]:
    return sorted(p for p in (folder / PICTURES).rglob("*") if p.is_file())


def test_a_stone_comes_back_as_it_was_written(tmp_path, stone, pictures):
    verdict = Verdict("list", (Candidate("Pyrope", 0.5), Candidate("Almandine", 0.4)), 2)
    written = stone(
        verdict=verdict,
        laid_at="2026-01-31T10:00:00.125Z",
        lifted_at="2026-01-31T10:00:07.000Z",
        seconds=0.51,
        frames=9,
        camera_state="moved light",
        familiarity=-3.5,
        setup=Setup("b", "2", "e" * 64, "tensorrt", "int8", "csi", "f" * 64, "2026-01-01"),
        provisional=Provisional("Rhodolite", 0.93),
    )
    with Store(tmp_path) as store:
        number = store.add(written, pictures)

    (entry,) = entries(tmp_path)

    assert entry.id == number
    assert entry.has_pictures
    assert entry.correction is None
    assert {**vars(entry.stone), "embedding": 0} == {**vars(written), "embedding": 0}
    assert (entry.stone.kind, entry.names) == ("taught", ("Rhodolite",))


def test_its_pictures_embedding_and_thumbnail_are_kept(tmp_path, stone, pictures):
    written = stone()
    with Store(tmp_path) as store:
        store.add(written, pictures)

    frame, crop = (read_picture(path) for path in picture_paths(tmp_path, written))
    assert (frame.shape, crop.shape) == ((96, 128, 3), (48, 48, 3))
    with RecordReader(tmp_path) as reader:
        assert reader.thumbnail(written.key).startswith(b"\xff\xd8")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        (data,) = connection.execute("SELECT embedding FROM stones").fetchone()
    assert np.allclose(np.frombuffer(data, "<f2"), written.embedding, atol=2e-3)


def test_each_stone_is_on_the_disk_when_add_returns(tmp_path):
    with Store(tmp_path) as store:
        settings = [
            store._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        ]
    assert settings == ["wal", 2]  # 2: FULL


def test_the_same_stone_is_written_once(tmp_path, stone, pictures):
    once = stone()
    with Store(tmp_path) as store:
        assert store.add(once, pictures) == store.add(once, pictures)
    assert len(entries(tmp_path)) == 1


def test_the_last_correction_counts_and_none_is_lost(tmp_path, stone):
    first, second = stone(), stone()
    with Store(tmp_path) as store:
        store.add(first)
        store.add(second)
        store.correct(first.key, "Spinel")
        store.correct(first.key, "  Red\n Spinel ", "RI 1.718")

    with RecordReader(tmp_path) as reader:
        (entry,) = reader.corrected()
    assert (entry.stone.key, entry.names, entry.correction.note) == (
        first.key,
        ("Red Spinel",),
        "RI 1.718",
    )
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        assert connection.execute("SELECT count(*) FROM corrections").fetchone() == (2,)


@pytest.mark.parametrize("label", ["", " \n ", "x" * 101, "half a \ud83d", "a\0b"])
def test_a_name_that_is_none_is_refused(tmp_path, stone, label):
    written = stone()
    with Store(tmp_path) as store:
        store.add(written)
        with pytest.raises(SettingsError):
            store.correct(written.key, label)


def test_a_stone_that_was_not_recorded_cannot_be_corrected(tmp_path):
    with Store(tmp_path) as store, pytest.raises(UnknownStoneError, match="was not recorded"):
        store.correct("0" * 16, "Ruby")


def test_what_is_no_picture_is_refused(pictures):
    with pytest.raises(FrameError):
        StonePictures(pictures.frame_bgr, pictures.crop_bgr[:0])


def test_taught_views_come_back_by_bundle_and_can_be_forgotten(tmp_path, pictures):
    near, far = np.ones(2048, np.float32), np.arange(2048, dtype=np.float32)
    with Store(tmp_path) as store:
        store.teach("Kunzite", [near, far], [pictures.crop_bgr] * 2, "a" * 64)
        store.teach("Spodumene", [near], [pictures.crop_bgr], "b" * 64)
        with RecordReader(tmp_path) as reader:
            views = reader.taught("a" * 64)
            assert [v.label for v in views] == ["Kunzite", "Kunzite"]
            assert np.allclose(views[1].embedding, far)
            assert reader.taught_crop(views[0].key).startswith(b"\xff\xd8")
            assert len(reader.taught()) == 3
        assert store.forget("Kunzite") == 2
    with RecordReader(tmp_path) as reader:
        assert [v.label for v in reader.taught()] == ["Spodumene"]


# What a kill leaves


@pytest.mark.parametrize("attempt", range(ATTEMPTS))
def test_kill_9_loses_at_most_the_stone_on_the_tray(tmp_path, writers, attempt):
    """Half of the processes are removing old pictures while they are killed."""
    limit = 1 << 30 if attempt % 2 else 160_000
    told = killed_while_adding(writers.pop(), tmp_path, limit, random.Random(attempt).random() / 5)

    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Store(tmp_path, limit_bytes=limit):
        pass  # as at the next start; the kernel took the lock away with the process
    kept = entries(tmp_path)
    assert [e.id for e in kept] == list(range(1, len(kept) + 1))
    assert told <= len(kept) <= told + 1
    assert all(e.has_pictures for e in kept) == bool(attempt % 2)
    expected = [path for e in kept if e.has_pictures for path in picture_paths(tmp_path, e.stone)]
    assert files(tmp_path) == sorted(expected)
    for path in expected:
        read_picture(path)


@pytest.fixture(scope="module")
def writers():
    """Processes that are ready to write; together, since their imports take longest."""
    started = [
        subprocess.Popen(
            [sys.executable, CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(ATTEMPTS)
    ]
    yield list(started)
    for process in started:
        process.kill()
        process.communicate()


def killed_while_adding(writer, folder: Path, limit_bytes: int, after_s: float) -> int:
    """How many stones a process said to have recorded; killed so long after the eighth."""
    writer.stdin.write(f"{folder}\n{limit_bytes}\n")
    writer.stdin.flush()
    said = [writer.stdout.readline() for _ in range(8)]
    time.sleep(after_s)
    writer.send_signal(signal.SIGKILL)
    said += writer.stdout.readlines()
    writer.wait()
    return len([line for line in said if line.endswith("\n")])


def test_pictures_without_a_stone_are_swept_at_the_next_start(tmp_path, stone, pictures):
    written = stone()
    with Store(tmp_path) as store:
        store.add(written, pictures)
    day = tmp_path / PICTURES / "2020-01-01"
    day.mkdir()
    (day / f"{'a' * 16}-frame.jpg").write_bytes(b"stray")
    half = picture_paths(tmp_path, written)[0].parent / f".{'b' * 16}-crop.jpg"
    half.write_bytes(b"half")
    own = tmp_path / PICTURES / "holiday.jpg"
    own.write_bytes(b"not ours")

    Store(tmp_path).close()

    assert files(tmp_path) == sorted([*picture_paths(tmp_path, written), own])


def test_pictures_of_a_database_that_was_lost_are_left_alone(tmp_path, stone, pictures, caplog):
    with Store(tmp_path) as store:
        for _ in range(MOST_STRAYS):
            store.add(stone(), pictures)
    (tmp_path / DATABASE).unlink()

    Store(tmp_path).close()

    assert len(files(tmp_path)) == 2 * MOST_STRAYS
    assert "belong to no recorded stone" in caplog.text


# What is refused


def test_a_second_writer_is_told_who_writes(tmp_path):
    with (
        Store(tmp_path),
        pytest.raises(RecordError, match=f"another gemscan .process {os.getpid()}, since"),
    ):
        Store(tmp_path)
    Store(tmp_path).close()


def test_a_failed_start_gives_the_lock_back(tmp_path):
    (tmp_path / DATABASE).write_bytes(b"no database at all, but long enough to look like one" * 9)
    for _ in range(2):
        with pytest.raises(RecordError, match=r"is damaged .*\.recover"):
            Store(tmp_path)


def test_a_database_of_a_newer_gemscan_is_refused(tmp_path):
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    with pytest.raises(RecordError, match=r"made by a newer gemscan.*Update gemscan"):
        Store(tmp_path)
    with pytest.raises(RecordError, match="made by a newer gemscan"):
        entries(tmp_path)


def test_another_programs_database_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("CREATE TABLE stones (id)")
    with pytest.raises(RecordError, match="is not a record of gemscan"):
        Store(tmp_path)


@pytest.mark.parametrize("opened_by", [lambda f: Store(f).close(), entries])
def test_an_older_database_is_brought_up_to_date(tmp_path, stone, pictures, monkeypatch, opened_by):
    with Store(tmp_path) as store:
        store.add(stone("Kyanite"), pictures)
    step = "ALTER TABLE stones ADD COLUMN weight REAL; CREATE TABLE later (id);"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))

    opened_by(tmp_path)

    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
        assert connection.execute("SELECT weight FROM stones").fetchall() == [(None,)]
    assert [e.names for e in entries(tmp_path)] == [("Kyanite",)]


def test_a_step_that_fails_leaves_the_version_that_was_there(tmp_path, stone, monkeypatch):
    with Store(tmp_path) as store:
        store.add(stone())
    step = "CREATE TABLE later (id); INSERT INTO nowhere VALUES (1);"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
        with pytest.raises(RecordError):
            Store(tmp_path)

    assert len(entries(tmp_path)) == 1
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'")
    assert tables == (0,)


def test_a_record_that_was_replaced_under_the_writer_is_noticed(tmp_path, stone):
    with Store(tmp_path / "a") as store:
        (tmp_path / "a").rename(tmp_path / "b")
        with pytest.raises(StorageError, match="is gone"):
            store.add(stone())
        Store(tmp_path / "a").close()
        with pytest.raises(StorageError, match="was replaced"):
            store.add(stone())
    assert entries(tmp_path / "a") == entries(tmp_path / "b") == []


# Clocks, readers, places


def test_a_clock_that_is_set_back_changes_no_order(tmp_path, stone):
    times = ["2026-03-02T10:00:00.000Z", "2026-03-01T09:00:00.000Z", "2026-03-02T11:00:00.000Z"]
    with Store(tmp_path) as store:
        for at in times:
            store.add(stone(laid_at=at, lifted_at="2026-01-01T00:00:00.000Z"))

    assert [e.stone.laid_at for e in entries(tmp_path)] == times
    with RecordReader(tmp_path) as reader:
        assert [e.id for e in reader.entries(since="2026-03-02")] == [1, 3]
        assert [e.id for e in reader.entries(until="2026-03-02T11:00:00.000Z")] == [1, 2]


def test_a_reader_sees_whole_stones_while_the_writer_goes_on(tmp_path, stone, monkeypatch):
    monkeypatch.setattr("deploy.record.reader.PAGE", 2)
    with Store(tmp_path) as store:
        for _ in range(4):
            store.add(stone())
        with RecordReader(tmp_path) as reader:
            reading = reader.entries()
            seen = [next(reading).id]
            store.add(stone())  # neither waits for the other
            store.correct(next(reading).stone.key, "Spinel")
            seen += [entry.id for entry in reading]
    assert seen == [1, 3, 4, 5]


def test_a_record_on_a_disk_that_nobody_may_write_is_read(tmp_path, stone):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    with Store(tmp_path / "r") as store:
        store.add(stone())
    (tmp_path / "r").chmod(0o500)
    assert len(entries(tmp_path / "r")) == 1


def test_the_place_is_the_one_that_was_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GEMSCAN_RECORD", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert record_folder() == tmp_path / ".local/share/gemscan"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert record_folder() == Path("/data/gemscan")
    monkeypatch.setenv("GEMSCAN_RECORD", "/srv/stones")
    assert record_folder() == Path("/srv/stones")
    assert record_folder(tmp_path) == tmp_path


def test_a_service_without_a_home_is_told_what_to_set(monkeypatch):
    for name in ("GEMSCAN_RECORD", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/")
    with pytest.raises(SettingsError, match="Set GEMSCAN_RECORD"):
        record_folder()


@pytest.mark.parametrize(
    "wrong",
    [{"key": "../../etc/passwd0"}, {"laid_at": "../../../../../"}, {"lifted_at": "yesterday"}],
)
def test_no_text_of_a_stone_leads_out_of_the_record(stone, wrong):
    with pytest.raises(ValueError, match=r"written as|hexadecimal"):
        stone(**wrong)


def test_times_are_kept_as_utc():
    at = datetime.fromisoformat("2026-07-01T02:00:00+02:00")
    assert utc_text(at) == "2026-07-01T00:00:00.000Z"
    assert utc_ago(3600) < utc_now() < utc_ago(-3600)


def test_who_reads_a_record_that_is_just_being_made_waits_for_it(tmp_path):
    began = threading.Event()

    def make_slowly() -> None:
        with sole_writer(tmp_path):
            (tmp_path / DATABASE).touch()
            began.set()
            time.sleep(0.3)
            schema.open_for_writing(tmp_path).close()

    maker = threading.Thread(target=make_slowly)
    maker.start()
    assert began.wait(10)
    with RecordReader(tmp_path) as reader:
        assert list(reader.entries()) == []
    maker.join()


@pytest.mark.parametrize("questions", [1, 2])
def test_a_record_that_is_made_between_two_questions_is_no_other_programs(
    tmp_path, monkeypatch, questions
):
    class MadeMeanwhile(sqlite3.Connection):
        asked = 0

        def execute(self, *words):
            answer = super().execute(*words).fetchone()
            self.asked += 1
            if self.asked == questions:
                monkeypatch.undo()
                Store(tmp_path).close()
            return super().execute("SELECT ?", answer)

    (tmp_path / DATABASE).touch()
    slow = sqlite3.connect(tmp_path / DATABASE, factory=MadeMeanwhile, isolation_level=None)
    monkeypatch.setattr(schema, "_read_only", lambda path: slow)

    assert entries(tmp_path) == []
