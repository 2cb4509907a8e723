"""`gemscan train`: what a run's folder holds, stopping and going on, and starting from weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from train.checkpoint import load_checkpoint, load_weights
from train.checkpoint import save_checkpoint as save
from train.data.prepare import prepare
from train.loop import trainer as loop
from train.loop.progress import TrainProgress
from train.loop.trainer import DivergedError, Trainer
from train.model import build_model
from train.run.folder import BEST, HISTORY, LAST, SPLIT, STATE
from train.settings import TrainSettings

SETTINGS = TrainSettings(size_px=32, epochs=1, batch=8, weights="none", seed=4)
STOPPED = 130


def epochs_in(run: Path) -> list[int]:
    return [row["epoch"] for row in json.loads((run / HISTORY).read_text())]


def stop_after(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Ctrl-C after so many batches; every epoch is saved."""
    left = iter(range(batches - 1))

    def press(self: TrainProgress, **_: object) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainProgress, "batch_done", press)
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1.0)


def test_a_run_stopped_twice_and_resumed_ends_like_one_that_was_not(
    train: Callable[..., int],
    blobs: Path,
    more_blobs: Path,
    finished_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    """Once before anything was saved, once in epoch 2, from another folder than it began in."""
    run = tmp_path / "run"
    names = tmp_path / "classes.txt"
    names.write_text("Peridot\nRuby\nSapphire\n")
    flags = ["--classes", str(names), "--extra", more_blobs.name]
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 1)
        patch.chdir(more_blobs.parent)
        assert train(blobs, run, *flags) == STOPPED
    assert not (run / STATE).exists()
    names.unlink()
    assert train(blobs, run) == 2
    assert "Add --resume" in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 4)  # an epoch has three
        assert train(blobs, run, "--resume") == STOPPED
    assert epochs_in(run) == [0]
    assert (run / BEST).exists()

    assert train(blobs, run, "--resume", "--epochs", "3") == 2
    assert "epochs 2, not 3" in capsys.readouterr().err
    assert train(blobs, run, "--resume") == 0

    assert epochs_in(run) == [0, 1]
    one, other = (load_weights(folder / LAST)["backbone"] for folder in (finished_run, run))
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize(("side", "count"), [("training", 30), ("validation", 3)])
def test_a_run_is_not_resumed_on_other_pictures(
    train: Callable[..., int],
    blobs: Path,
    finished_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    side: str,
    count: int,
    saved: bool,
):
    folder = shutil.copytree(blobs, tmp_path / "blobs")
    run = shutil.copytree(finished_run, tmp_path / "run")
    if not saved:
        (run / STATE).unlink()
    picture = Path(json.loads((run / SPLIT).read_text())[side][0]["path"])
    copy = folder / picture.parent.name / "copy.png"  # which goes to the same side
    copy.write_bytes(picture.read_bytes() + b"another digest")

    assert train(folder, run, "--resume") == 2
    said = f"of its {count} {side} pictures 0 are missing, and 1 are new"
    assert said in capsys.readouterr().err


def test_a_run_that_goes_on_elsewhere_knows_where_its_pictures_are_now(
    train: Callable[..., int], blobs: Path, finished_run: Path, tmp_path: Path
):
    """Its export and its report look for them there."""
    moved = shutil.copytree(blobs, tmp_path / "moved")
    run = shutil.copytree(finished_run, tmp_path / "run")

    assert train(moved, run, "--resume") == 0

    before, after = (json.loads((each / SPLIT).read_text()) for each in (finished_run, run))
    for old, new in zip(before["validation"], after["validation"], strict=True):
        assert new == old | {"path": str(moved / Path(old["path"]).relative_to(blobs))}
    assert json.loads((run / "settings.json").read_text())["data"] == str(moved)


def test_a_run_of_which_only_the_last_lines_are_missing_is_completed_without_training(
    train: Callable[..., int], blobs: Path, finished_run: Path, tmp_path: Path
):
    run = shutil.copytree(finished_run, tmp_path / "run")
    (run / LAST).unlink()

    assert train(blobs, run, "--resume") == 0

    assert (run / LAST).exists()


@pytest.mark.parametrize("text", ["[]", "{}", '{"settings": 3}', "nothing"])
def test_a_run_with_other_settings_than_a_runs_cannot_be_resumed(
    train: Callable[..., int], blobs: Path, tmp_path: Path, text: str, capsys
):
    (tmp_path / "settings.json").write_text(text)

    assert train(blobs, tmp_path, "--resume") == 2
    assert "settings.json" in capsys.readouterr().err


def test_a_place_that_cannot_hold_a_run_is_refused_before_the_pictures_are_looked_at(
    train: Callable[..., int], tmp_path: Path, capsys
):
    (tmp_path / "file").write_text("")

    assert train(tmp_path / "no pictures here", tmp_path / "file" / "run") == 2
    assert "could not be written" in capsys.readouterr().err


def test_a_loss_that_is_no_number_ends_the_run(blobs: Path, tmp_path: Path):
    diverging = trainer(blobs, learning_rate=1e30)

    with pytest.raises(DivergedError, match="lower --lr"):
        diverging.fit(tmp_path, TrainProgress(1, 24))
    assert not (tmp_path / BEST).exists()


def test_a_full_gpu_is_told_in_a_sentence(
    train: Callable[..., int], blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    def fill(*_: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")

    monkeypatch.setattr(Trainer, "fit", fill)

    assert train(blobs, tmp_path / "run") == 2
    assert "the GPU has too little memory for this run" in capsys.readouterr().err


def trainer(folder: Path, learning_rate: float = 0.001, taught: Sequence[str] = ()) -> Trainer:
    settings = replace(SETTINGS, learning_rate=learning_rate)
    data = prepare(folder, settings)
    return Trainer(build_model(3), data, settings, torch.device("cpu"), taught=taught)


def test_weights_that_saw_validation_pictures_are_warned_of_unless_the_split_is_followed(
    train: Callable[..., int],
    blobs: Path,
    finished_run: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    on = ["--epochs", "1", "--seed", "1", "--weights", str(finished_run / BEST)]

    assert train(blobs, tmp_path / "leaky", *on) == 0
    assert "will be flattered" in caplog.text
    caplog.clear()
    assert train(blobs, tmp_path / "sound", *on, "--split", str(finished_run / SPLIT)) == 0
    assert "will be flattered" not in caplog.text


def test_weights_name_the_pictures_that_taught_the_weights_they_came_from(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Also when the run was resumed, and the file it started from is gone.

    The state is saved after the best weights: a resumed run takes its epochs for saved.
    """
    saved: list[str] = []
    first, second = (trainer(blobs, taught=taught) for taught in (["another"], []))
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", lambda *to: (saved.append(to[0].name), save(*to)))
        first.fit(tmp_path, TrainProgress(1, 24))
    assert saved == [BEST, STATE, LAST]

    second.restore(load_checkpoint(tmp_path / STATE))
    second.fit(tmp_path / "resumed", TrainProgress(1, 24))

    own = prepare(blobs, SETTINGS).training.digests
    for weights in (tmp_path / BEST, tmp_path / "resumed" / LAST):
        assert load_weights(weights)["training"] == [*own, "another"]


@pytest.mark.parametrize(
    "wrong", [{"size_px": 820}, {"size_px": 16}, {"seed": -1}, {"seed": 2**40}, {"batch": 1}]
)
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, int]):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        TrainSettings(**wrong)
