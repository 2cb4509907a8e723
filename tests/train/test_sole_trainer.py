"""One process trains into a run's folder; the next says so, and a killed one is in nobody's way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import gemscan
from deploy.errors import SettingsError
from train.loop.team import Team
from train.run.folder import LOCK, SETTINGS, sole_trainer

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from train.run.folder import sole_trainer
with sole_trainer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def holder(run: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that trains into the run, as far as anyone can tell."""
    pipe, words = subprocess.PIPE, [sys.executable, "-c", HOLDER, str(run)]
    process = subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_start_is_refused_in_one_sentence(
    run: Path,
    holder: subprocess.Popen[str],
    train: Callable[..., int],
    blobs: Path,
    capsys: pytest.CaptureFixture[str],
):
    assert train(blobs, run) == 2

    told = capsys.readouterr().err
    assert told.startswith(f"error: {run} is written by another gemscan (process {holder.pid}, ")
    assert told.endswith("Wait until it ends, or choose another --out.\n")
    assert told.count("\n") == 1
    assert [path.name for path in run.iterdir()] == [LOCK]


def test_a_second_resume_is_refused_and_changes_nothing(
    run: Path,
    holder: subprocess.Popen[str],
    train: Callable[..., int],
    blobs: Path,
    finished_run: Path,
    capsys: pytest.CaptureFixture[str],
):
    (run / SETTINGS).write_bytes((finished_run / SETTINGS).read_bytes())

    assert train(blobs, run, "--resume") == 2

    assert "is written by another gemscan" in capsys.readouterr().err
    assert sorted(path.name for path in run.iterdir()) == [LOCK, SETTINGS]


def test_a_killed_process_leaves_no_lock(run: Path, holder: subprocess.Popen[str]):
    with pytest.raises(SettingsError), sole_trainer(run):
        pass
    holder.kill()
    holder.wait()

    with sole_trainer(run):
        assert (run / LOCK).exists()


def test_a_run_that_ended_is_not_held(finished_run: Path):
    with sole_trainer(finished_run):
        pass


@pytest.mark.usefixtures("holder")
def test_of_several_processes_the_first_alone_holds_the_folder(
    run: Path, blobs: Path, monkeypatch: pytest.MonkeyPatch
):
    """Under torchrun they share it, and one more lock would be refused by the first."""
    trained: list[Team] = []

    @contextmanager
    def joined(device: object) -> Iterator[tuple[Team, object]]:
        yield Team(1, 2, 1, 2), device

    monkeypatch.setattr("train.loop.team.joined_team", joined)
    monkeypatch.setattr("torch.distributed.broadcast_object_list", lambda *_, **__: None)
    monkeypatch.setattr(
        "train.run.training.train_run",
        lambda run, record, machine, **_: trained.append(machine.team),
    )

    assert gemscan.main(["train", str(blobs), "--out", str(run), "--device", "cpu"]) == 0

    assert [team.rank for team in trained] == [1]
