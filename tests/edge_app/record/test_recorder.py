"""Recording beside a loop that must not wait, and on disks that fail."""

from __future__ import annotations

import contextlib
import logging
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from deploy.errors import RecordError, SettingsError, StorageError
from deploy.record.reader import RecordReader
from edge_app.record.recorder import FOR_STONES, QUEUE_LENGTH, Recorder
from edge_app.record.store import Store, UnknownStoneError


def entries(folder: Path) -> list:
    with RecordReader(folder) as reader:
        return list(reader.entries())


def until(holds, timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def test_all_that_waits_is_written_at_the_end(tmp_path, stone, pictures):
    with Recorder(tmp_path) as recorder:
        stones = [stone() for _ in range(QUEUE_LENGTH - FOR_STONES - 2)]
        for each in stones:
            recorder.add(each, pictures)
        recorder.correct(stones[0].key, "Spinel")
        recorder.teach("Kunzite", [np.ones(2048, np.float32)], [pictures.crop_bgr], "d" * 64)

    kept = entries(tmp_path)
    assert [e.stone.key for e in kept] == [s.key for s in stones]
    assert kept[0].names == ("Spinel",)
    assert (recorder.written, recorder.missed, recorder.problem) == (len(stones), 0, "")
    with RecordReader(tmp_path) as reader:
        assert [view.label for view in reader.taught()] == ["Kunzite"]


def test_the_number_of_a_stone_comes_with_its_future(tmp_path, stone):
    with Recorder(tmp_path) as recorder:
        assert [recorder.add(stone()).result(20) for _ in range(3)] == [1, 2, 3]


def test_who_waits_for_a_stone_cannot_take_it_back(tmp_path, stone):
    """As a page does whose browser has gone."""
    with Recorder(tmp_path) as recorder:
        futures = [recorder.add(stone()) for _ in range(4)]
        assert not any(future.cancel() for future in futures)
    assert (len(entries(tmp_path)), recorder.written) == (4, 4)


def test_pictures_are_those_of_the_moment_of_adding(tmp_path, stone, pictures):
    """The overlay is drawn into the very frame soon after."""
    written, before = stone(), pictures.frame_bgr.mean()
    with Recorder(tmp_path) as recorder:
        done = recorder.add(written, pictures)
        pictures.frame_bgr[:] = 0
        done.result(20)
    from deploy.pictures import read_picture
    from deploy.record.pictures import picture_paths

    assert abs(read_picture(picture_paths(tmp_path, written)[0]).mean() - before) < 5


def test_what_an_operator_got_wrong_is_no_trouble_of_the_record(tmp_path):
    with Recorder(tmp_path) as recorder:
        with pytest.raises(SettingsError):
            recorder.correct("0" * 16, "")
        with pytest.raises(UnknownStoneError):
            recorder.correct("0" * 16, "Ruby").result(20)
        assert recorder.problem == ""


def test_a_disk_that_hangs_makes_nobody_wait_and_is_said(tmp_path, stone, monkeypatch, caplog):
    hanging = threading.Event()
    monkeypatch.setattr(Store, "add", lambda *_: hanging.wait(30))
    with Recorder(tmp_path) as recorder:
        recorder.forget("nothing").result(20)  # it is open
        began = time.monotonic()
        futures = [recorder.add(stone()) for _ in range(QUEUE_LENGTH + 5)]
        assert recorder.close(timeout_s=0.2) is False
        assert time.monotonic() - began < 5
        assert "does not answer" in recorder.problem
        assert recorder.missed >= 4
        with pytest.raises(StorageError, match="does not answer"):
            futures[-1].result(0)
        hanging.set()
        until(lambda: recorder.problem == "")


def test_many_who_correct_at_once_cost_no_stone(tmp_path, stone, monkeypatch):
    busy = threading.Event()
    monkeypatch.setattr(Store, "forget", lambda *_: busy.wait(30))
    with Recorder(tmp_path) as recorder:
        recorder.forget("what keeps the disk busy")
        asked = [recorder.correct("0" * 16, "Ruby") for _ in range(5 * QUEUE_LENGTH)]
        laid = stone()
        written, said = recorder.add(laid), recorder.correct(laid.key, "Ruby", leave=0)
        busy.set()

        assert written.result(20) == 1
        assert said.result(20) is None
        assert recorder.problem == ""
        with pytest.raises(StorageError, match="much to write"):
            asked[-1].result(20)


def test_a_record_that_another_process_writes_is_said_and_taken_when_it_is_free(tmp_path, stone):
    other = Store(tmp_path)
    with Recorder(tmp_path, look_again_s=0.02) as recorder:
        with pytest.raises(RecordError, match="written by another gemscan"):
            recorder.add(stone()).result(20)
        assert "written by another gemscan" in recorder.problem
        other.close()
        until(lambda: recorder.problem == "")
        assert recorder.add(stone()).result(20) == 1
    assert recorder.missed == 1


def test_a_disk_that_was_removed_is_said_and_recording_goes_on_when_it_is_back(
    tmp_path, stone, pictures, caplog
):
    caplog.set_level(logging.INFO)
    disk, away = tmp_path / "disk", tmp_path / "away"
    with Recorder(disk, look_again_s=0.02) as recorder:
        recorder.add(stone(), pictures).result(20)
        disk.rename(away)
        for _ in range(3):
            with pytest.raises(StorageError):
                recorder.add(stone(), pictures).result(20)
        assert "is gone" in recorder.problem
        assert not disk.exists()  # nothing is begun in its place
        away.rename(disk)
        until(lambda: recorder.problem == "")
        recorder.add(stone(), pictures).result(20)
    assert [e.id for e in entries(disk)] == [1, 2]
    said = [r.getMessage() for r in caplog.records]
    assert len([line for line in said if "stones are not recorded" in line]) == 1
    assert "stones are recorded again; 3 were not" in said


def test_a_disk_short_of_room_is_left_its_reserve(tmp_path, stone, monkeypatch):
    real, free = shutil.disk_usage, [10 << 20]
    monkeypatch.setattr(shutil, "disk_usage", lambda p: real(p)._replace(free=free[0]))
    with Recorder(tmp_path, look_again_s=0.02) as recorder:
        with pytest.raises(StorageError, match="less than 64 MB are free"):
            recorder.add(stone()).result(20)
        free[0] = 1 << 30
        until(lambda: recorder.problem == "")
        assert recorder.add(stone()).result(20) == 1


def test_a_damaged_record_stops_recording_alone(tmp_path, stone):
    with Store(tmp_path) as store:
        store.add(stone())
    with (tmp_path / "stones.db").open("r+b") as file:
        file.write(b"x" * 4096)
    with Recorder(tmp_path) as recorder:
        with pytest.raises(RecordError, match="is damaged"):
            recorder.add(stone()).result(20)
        assert "is damaged" in recorder.problem


def test_a_mistake_of_the_program_is_said_and_ends_nothing(tmp_path, stone, monkeypatch, caplog):
    with Recorder(tmp_path) as recorder:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "add", lambda *_: 1 // 0)
            with pytest.raises(StorageError, match="the record failed"):
                recorder.add(stone()).result(20)
        assert "ZeroDivisionError" in caplog.text
        assert recorder.add(stone()).result(20) == 1
        assert recorder.problem == ""


def test_after_the_end_nothing_is_taken(tmp_path, stone):
    with Recorder(tmp_path) as recorder:
        pass
    with pytest.raises(StorageError, match="not open"):
        recorder.add(stone()).result(0)
    assert recorder.missed == 1


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_stops_recording_and_never_the_loop(small_disk, stone, pictures, caplog):
    """Without a reserve, so that writes do fail in the middle; the disk is one of this test."""
    caplog.set_level(logging.INFO)
    ballast = small_disk / "ballast"
    with Recorder(small_disk / "record", reserve_bytes=0, look_again_s=0.05) as recorder:
        recorder.add(stone(), pictures).result(20)
        ballast.write_bytes(b"x" * 650_000)
        turns = slowest = 0.0
        while recorder.missed < 5 and turns < 2000:  # the loop: it looks at nothing but its frames
            began = time.perf_counter()
            recorder.add(stone(), pictures)
            slowest = max(slowest, time.perf_counter() - began)
            turns += 1
            time.sleep(0.01)
        until(lambda: "could not be written" in recorder.problem)
        assert "pace" in recorder.problem  # "No space left …", or "no space is left"
        assert slowest < 1.0
        kept = len(entries(small_disk / "record"))  # and it can be read meanwhile
        assert kept == recorder.written
        ballast.unlink()
        until(lambda: recorder.problem == "")
        recorder.add(stone(), pictures).result(20)
    kept = entries(small_disk / "record")
    assert len(kept) == recorder.written
    assert recorder.missed >= 5
    shown = [p for p in (small_disk / "record" / "pictures").rglob("*") if p.is_file()]
    assert len(shown) == 2 * len(kept)
    with contextlib.closing(Store(small_disk / "record", reserve_bytes=0)):
        pass


def test_a_read_only_disk_is_said_and_read(small_disk, stone):
    with Store(small_disk, reserve_bytes=0) as store:
        store.add(stone())
    remount(small_disk, "ro")
    with Recorder(small_disk, reserve_bytes=0, look_again_s=0.05) as recorder:
        with pytest.raises(StorageError, match="Read-only file system"):
            recorder.add(stone()).result(20)
        assert "Read-only" in recorder.problem
        assert len(entries(small_disk)) == 1
        remount(small_disk, "rw")
        until(lambda: recorder.problem == "")
        assert recorder.add(stone()).result(20) == 2


def remount(place: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(place)], check=True)
