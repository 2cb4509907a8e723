"""`gemscan run` killed at any moment, and started again over the same record."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

import gemscan
from deploy.pictures import read_picture
from deploy.record.pictures import picture_paths
from deploy.record.place import DATABASE, PICTURES
from deploy.record.reader import RecordReader
from deploy.record.stones import Entry
from tests.colours import colour_bundle
from tests.laid import any_order

ROOT = Path(gemscan.__file__).parent
CHILD = Path(__file__).parent / "running_fast.py"
KILLS = 6
ENDLESS = 1000  # stones


@pytest.fixture
def runs():
    """Processes that are ready; together, since their imports take longest."""
    started = [
        subprocess.Popen(
            [sys.executable, CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )
        for _ in range(KILLS + 1)
    ]
    yield list(started)
    for process in started:
        process.kill()
        process.communicate()


def test_kill_9_loses_at_most_the_stone_on_the_tray_and_the_next_run_goes_on(tmp_path, runs):
    bundle, record = colour_bundle(tmp_path / "colours").root, tmp_path / "record"
    before = 0
    for seed in range(KILLS):
        begin(runs[seed], record, bundle, seed, ENDLESS)
        told = killed_while_scanning(runs[seed], random.Random(seed))

        kept = [entry.names[0] for entry in entries(record)[before:]]
        kinds = any_order(ENDLESS, seed)
        assert told == kinds[: len(told)]
        assert kept == kinds[: len(kept)]
        assert len(told) - 1 <= len(kept) <= len(told)
        before += len(kept)

    begin(runs[-1], record, bundle, KILLS, 3)
    assert runs[-1].wait(60) == 0
    assert [e.names[0] for e in entries(record)[before:]] == any_order(3, KILLS)
    assert_whole(record)


def begin(process: subprocess.Popen, record: Path, bundle: Path, seed: int, stones: int) -> None:
    process.stdin.write(f"{record}\n{bundle}\n{seed}\n{stones}\n")
    process.stdin.flush()


def killed_while_scanning(process: subprocess.Popen, chance: random.Random) -> list[str]:
    """The stones that it told; killed some time after the second, at most after some more."""
    said = [process.stdout.readline() for _ in range(2)]
    time.sleep(chance.uniform(0, 0.3))
    process.kill()
    said += process.stdout.readlines()
    process.wait()
    return [line.rstrip().split("%  ")[1] for line in said if line.endswith("\n")]


def entries(record: Path) -> list[Entry]:
    with RecordReader(record) as reader:
        return list(reader.entries())


def assert_whole(record: Path) -> None:
    """The database is sound, and there are the pictures of its stones and no others."""
    with closing(sqlite3.connect(record / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    expected = [path for e in entries(record) for path in picture_paths(record, e.stone)]
    assert sorted(record.glob(f"{PICTURES}/*/*")) == sorted(expected)
    for path in expected:
        read_picture(path)
