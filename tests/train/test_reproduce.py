"""The reference preset, and both presets side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import gemscan
from deploy.folders import LabelledPicture, find_labelled
from deploy.preprocess import Framing
from train.checkpoint import load_weights, save_checkpoint
from train.reproduce import reproduce as command
from train.reproduce.enlarge import enlarge, source_digest
from train.reproduce.reproduce import Protocol
from train.reproduce.score import ClassScore
from train.reproduce.table import table
from train.run.outcome import Outcome, read_outcome

OUTCOME = Outcome("reference", 4, 2, 1, "smallest-error", 0.5, 2, 20, 18)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory, blobs: Path) -> Path:
    """Four pictures of each of two classes."""
    folder = tmp_path_factory.mktemp("few")
    for name in ("Ruby", "Peridot"):
        (folder / name).mkdir()
        for number in range(4):
            (folder / name / f"{number}.png").write_bytes(
                (blobs / name / f"{number}.png").read_bytes()
            )
    return folder


def test_a_photograph_becomes_itself_and_changed_copies_as_many_as_wanted(
    few: Path, tmp_path: Path
):
    photographs = find_labelled(few)
    settings = {"size_px": 40, "each": 4.56, "seed": 3, "framing": Framing()}

    for out in ("one", "again"):
        enlarge(photographs, tmp_path / out, **settings)

    made = find_labelled(tmp_path / "one")
    assert len(made) == int(8 * 4.56)
    assert {source_digest(p.path) for p in made} == {p.digest() for p in photographs}
    assert [p.digest() for p in made] == [p.digest() for p in find_labelled(tmp_path / "again")]
    first, second = (cv2.imread(str(picture.path)) for picture in made[:2])
    assert first.shape == (40, 40, 3)
    assert np.abs(first.astype(int) - second).mean() > 3
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_reference_run_whose_loss_is_no_number_ends_with_that_as_its_outcome(
    train: Callable[..., int], few: Path, tmp_path: Path, capsys
):
    assert train(few, tmp_path / "run", "--preset", "reference", "--lr", "1e30") == 0

    outcome = read_outcome(tmp_path / "run")
    assert outcome is not None
    assert (outcome.diverged_in_epoch, outcome.chosen_epoch, outcome.epochs_done) == (0, None, 0)
    assert "diverged in epoch 1 of 2; no weights were learned" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "history.json").read_text()) == []


def test_no_folder_of_somebody_elses_files_is_replaced(few: Path, tmp_path: Path, train, capsys):
    (tmp_path / "pictures" / "Ruby").mkdir(parents=True)
    mine = tmp_path / "pictures" / "Ruby" / "mine.jpg"
    mine.write_bytes(b"a photograph")

    assert train(few, tmp_path, "--preset", "reference") == 2
    assert "holds files of another kind" in capsys.readouterr().err
    assert reproduce(few, tmp_path) == 2
    assert "already holds files" in capsys.readouterr().err
    assert mine.exists()


def reproduce(data: Path, out: Path, *flags: str) -> int:
    words = ["reproduce", str(data), "--out", str(out), "--size", "32", "--batch", "8"]
    words += ["--weights", "none", "--device", "cpu", "--epochs"]
    return gemscan.main([*words, *(flags or ["1"])])


def test_both_presets_run_on_the_same_photographs_and_are_shown_side_by_side(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    """Stopped between the two, and gone on with by the same command."""
    out, runs = tmp_path / "out", []
    really = command.train_run

    def stop_at_second(run: Path, *args: object, **more: object) -> object:
        runs.append(run.name)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return really(run, *args, **more)

    monkeypatch.setattr(command, "train_run", stop_at_second)
    assert reproduce(few, out) == 130
    assert reproduce(few, out, "2") == 2
    assert "started with other flags" in capsys.readouterr().err
    assert reproduce(few, out) == 0

    assert runs == ["sound", "reference", "reference"]
    shown = capsys.readouterr().out
    result = json.loads((out / "result.json").read_text())
    assert "93.5" in shown
    for preset, protocol in result["protocols"].items():
        assert preset in shown
        assert protocol["outcome"]["epochs_done"] == 1
        assert {name: each["count"] for name, each in protocol["unseen"].items()} == {
            "Peridot": 1,
            "Ruby": 1,
        }
        unseen = {p.digest() for p in find_labelled(out / "photographs" / "unseen")}
        assert unseen.isdisjoint(load_weights(out / preset / "best.pt")["training"])
    leak = result["protocols"]["reference"]["outcome"]
    assert leak["with_copy_in_training"] == leak["validation_pictures"] > 0
    taught = load_weights(out / "reference" / "best.pt")["training"]
    photographs = {p.digest() for p in find_labelled(out / "photographs" / "taught")}
    assert photographs <= set(taught)  # not only the pictures made of them
    tested = json.loads((out / "reference" / "split.json").read_text())["validation"]
    assert all(LabelledPicture(Path(p["path"]), p["label"]).digest() == p["digest"] for p in tested)


def test_weights_that_saw_the_stones_kept_apart_are_refused(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    taught = [picture.digest() for picture in find_labelled(few)]
    save_checkpoint(tmp_path / "saw.pt", {"backbone": {}, "training": taught})
    words = ["reproduce", str(few), "--out", str(tmp_path / "out"), "--size", "32"]

    assert gemscan.main([*words, "--weights", str(tmp_path / "saw.pt"), "--device", "cpu"]) == 2

    assert "learned from 2 of the 2 photographs that are kept apart" in capsys.readouterr().err


def test_the_table_says_what_happened_beside_the_published_result():
    own, unseen = {"Iolite": ClassScore(9, 10)}, {"Iolite": ClassScore(3, 6)}
    lost = replace(OUTCOME, epochs_done=0, chosen_epoch=None, diverged_in_epoch=0)

    shown = table(
        {"reference": Protocol(OUTCOME, own, unseen), "sound": Protocol(lost, None, None)}
    )

    lines = shown.splitlines()
    assert lines[2].split() == ["Iolite", "92.6", "90.0", "50.0", "-", "-"]
    assert lines[3].split() == ["mean", "of", "classes", "93.5", "90.0", "50.0", "-", "-"]
    assert "diverged in epoch 3; weights of epoch 2; 18 of 20 test pictures" in lines[-2]
    assert "diverged in epoch 1" in lines[-1]
