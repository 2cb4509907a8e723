"""A folder that lasts as long as a run, and no longer than its process."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import gemscan
from deploy.errors import StorageError
from deploy.record.lock import sole_writer
from edge_app.desk.passing import PREFIX, passing_folder

RUN = """
import sys
from edge_app.desk.passing import passing_folder
with passing_folder() as folder:
    (folder / "stones.db").write_text("a day")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run in a process of its own, and its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=Path(gemscan.__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process, Path(process.stdout.readline().strip())
        process.stdin.close()


def test_a_killed_runs_folder_goes_with_the_next_start_and_a_running_ones_stays(place):
    with running() as (killed, left), running() as (_, lives):
        killed.send_signal(signal.SIGKILL)
        killed.wait(20)
        assert (left / "stones.db").exists()

        with passing_folder() as folder:
            assert set(place.iterdir()) == {folder, lives}
            assert (lives / "stones.db").exists()
    assert list(place.iterdir()) == []


def test_an_older_gemscan_that_still_runs_keeps_its_folder(place):
    older = place / f"{PREFIX}older"
    older.mkdir()
    with sole_writer(older), passing_folder():
        assert older.exists()
    with passing_folder():
        assert not older.exists()


def test_nothing_else_is_removed(place):
    (place / "gemscan-calibrate-1").mkdir()
    (place / "mine").mkdir()
    (place / "mine" / "stones.db").write_text("years")
    (place / f"{PREFIX}link").symlink_to(place / "mine")
    (place / f"{PREFIX}file").write_text("no folder")
    before = set(place.rglob("*"))

    with passing_folder():
        pass

    assert set(place.rglob("*")) == before


def test_starts_at_one_moment_do_not_take_each_others_folders(place):
    def run(number: int) -> None:
        with passing_folder() as folder:
            (folder / "stones.db").write_text(str(number))
            with passing_folder():
                assert (folder / "stones.db").read_text() == str(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(200)))
    assert list(place.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_sentence(place, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(place / "nowhere"))

    with pytest.raises(StorageError, match="could not be written"), passing_folder():
        pass
