"""Runs that are killed with SIGKILL, and runs of two processes, learn what a steady one learns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.train.steady import STEADY
from train.run.folder import BEST, HISTORY, OUTCOME, STATE

ROOT = Path(__file__).parents[2]
FLAGS = ["--size", "32", "--batch", "8", "--epochs", "2", "--device", "cpu", "--weights", "none"]
ONE = [sys.executable]
TWO = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
MACHINE = {"images_per_s", "gpu_use", "gpu_memory_gb"}


def start(before: list[str], folder: Path, run: Path, *flags: str) -> subprocess.Popen[str]:
    """The command in a process group of its own, saving after every epoch."""
    script = str(ROOT / "tests" / "train" / "saving_often.py")
    words = [*before, script, "train", str(folder), "--out", str(run), *FLAGS, *STEADY, *flags]
    return subprocess.Popen(
        words,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill_after_first_save(process: subprocess.Popen[str], run: Path) -> None:
    """SIGKILL for all its processes."""
    ends = time.monotonic() + 120
    while not (run / STATE).exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < ends
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)


def finish(process: subprocess.Popen[str]) -> str:
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    return said


def learned(run: Path) -> list[dict[str, float]]:
    rows = json.loads((run / HISTORY).read_text())
    return [{name: row[name] for name in row if name not in MACHINE} for row in rows]


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_to_the_same_curve_to_the_digit(
    blobs: Path, steady_run: Path, tmp_path: Path
):
    """Also: the same seed in another process repeats a run."""
    run = tmp_path / "run"
    kill_after_first_save(start(ONE, blobs, run), run)
    assert len(learned(run)) == 1
    assert not (run / OUTCOME).exists()

    finish(start(ONE, blobs, run, "--resume"))

    assert learned(run) == learned(steady_run)


@pytest.mark.slow
def test_two_processes_killed_and_resumed_learn_what_one_process_learns(
    blobs: Path, steady_run: Path, tmp_path: Path
):
    """Each shows half of every batch; batch normalisation sees the whole.

    The order of float additions differs, and nothing else: 1e-5 of a loss of 1.1 after 6 steps.
    """
    run = tmp_path / "run"
    kill_after_first_save(start(TWO, blobs, run), run)

    said = finish(start(TWO, blobs, run, "--resume"))

    assert said.count(str(run / BEST)) == 1, said  # one of the two prints
    one, two = learned(steady_run), learned(run)
    assert [row["epoch"] for row in two] == [0, 1]
    for row, other in zip(one, two, strict=True):
        assert other == pytest.approx(row, abs=1e-5)


@pytest.mark.slow
def test_an_error_of_one_process_ends_all_with_its_sentence(blobs: Path, tmp_path: Path):
    process = start(TWO, blobs, tmp_path / "run", "--batch", "7")

    said = process.communicate(timeout=120)[0]

    assert process.returncode != 0
    assert "batch 7 cannot be divided by 2 processes" in said
    assert not (tmp_path / "run" / HISTORY).exists()
