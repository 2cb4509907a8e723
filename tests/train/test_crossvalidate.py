"""Folds: every picture validates once, near-duplicates together, and what is done stays done."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import gemscan
from deploy.bundle import load_bundle
from deploy.errors import DataError, GemscanError, SettingsError
from deploy.evaluation.scores import wilson_interval
from train import crossvalidate
from train.checkpoint import load_weights, save_checkpoint
from train.crossvalidate import (
    Fold,
    FoldError,
    check_untaught,
    estimate,
    finished_folds,
    plan_folds,
    plan_second_stage,
    train_fold,
)
from train.estimate import held_against, read_estimate
from train.run.folder import LAST, SETTINGS, STATE

TINY = ("--train", "--size", "32", "--batch", "8", "--epochs", "1", "--device", "cpu")


def digests(split: Path, side: str) -> list[str]:
    return [picture["digest"] for picture in json.loads(split.read_text())[side]]


@pytest.fixture(scope="module")
def finished(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-validation of three folds; tests only read it."""
    out = tmp_path_factory.mktemp("folds") / "first"
    words = ["crossvalidate", str(blobs), "--out", str(out), "--folds", "3", *TINY]
    assert gemscan.main([*words, "--weights", "none"]) == 0
    return out


def test_every_picture_validates_in_one_fold(blobs: Path, tmp_path: Path):
    folds = plan_folds(blobs, tmp_path, count=3)

    held = [digest for fold in folds for digest in digests(fold.split, "validation")]
    assert len(held) == len(set(held)) == 27
    for fold in folds:
        validation, training = (
            set(digests(fold.split, side)) for side in ("validation", "training")
        )
        assert validation.isdisjoint(training)
        assert len(validation | training) == 27


def test_copies_of_one_photograph_stand_in_one_fold(blobs: Path, tmp_path: Path):
    folder = shutil.copytree(blobs, tmp_path / "data")
    for name in ("Ruby", "Peridot"):
        picture = folder / name / "0.png"
        (folder / name / "copy.png").write_bytes(picture.read_bytes() + b"another digest")

    folds = plan_folds(folder, tmp_path / "out", count=3)

    for name in ("Ruby", "Peridot"):
        holding = [
            fold
            for fold in folds
            for picture in json.loads(fold.split.read_text())["validation"]
            if Path(picture["path"]).parent.name == name
            and Path(picture["path"]).name in ("0.png", "copy.png")
        ]
        assert len(holding) == 2
        assert holding[0] == holding[1]


def test_folds_of_an_earlier_start_are_kept(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = [fold.split.read_text() for fold in plan_folds(blobs, tmp_path, count=3, seed=1)]
    monkeypatch.setattr(crossvalidate, "look_at", lambda *_, **__: pytest.fail("divided again"))

    again = [fold.split.read_text() for fold in plan_folds(blobs, tmp_path, count=3, seed=1)]

    assert again == first
    with pytest.raises(SettingsError, match="started with other flags"):
        plan_folds(blobs, tmp_path, count=3, seed=2)


def test_other_folds_than_were_begun_are_refused(
    finished: Path, blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Those that are finished would be pooled with folds of another division."""
    words = ["crossvalidate", str(blobs), "--out", str(finished), "--folds"]

    for flags in (["2"], ["3", "--seed", "1"]):
        assert gemscan.main([*words, *flags, *TINY]) == 2
        assert "started with other flags" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--epochs", "2"], "fold1 was started with epochs 1, not 2"),
        (["--lr", "0.5"], "fold1 was started with learning_rate None, not 0.5"),
        (["--weights", "imagenet"], "fold1 was started with weights none, not imagenet"),
        (["--extra", "drawn"], "fold1 was started with extra None, not "),
    ],
)
def test_folds_that_are_there_are_not_pooled_with_those_of_another_recipe(
    finished: Path,
    blobs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    said: str,
):
    """Also where only some are finished: the others would be trained by what is asked for now."""
    out = shutil.copytree(finished, tmp_path / "out")
    (out / "estimate.json").unlink()
    shutil.rmtree(out / "fold3")
    monkeypatch.setattr(crossvalidate, "train_fold", lambda *_: pytest.fail("it was trained"))
    words = ["crossvalidate", str(blobs), "--out", str(out), "--folds", "3", *TINY]

    assert gemscan.main([*words, "--weights", "none", *flags]) == 2

    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (out / "estimate.json").exists()


def test_a_setting_that_is_no_longer_given_is_another_one(
    finished: Path, blobs: Path, capsys: pytest.CaptureFixture[str]
):
    """`gemscan train --resume` takes what is left out from the run; a recipe has no such run."""
    words = ["crossvalidate", str(blobs), "--out", str(finished), "--folds", "3"]

    assert gemscan.main([*words, "--train", "--weights", "none"]) == 2
    assert "fold1 was started with size_px 32, not 224" in capsys.readouterr().err


def test_folds_of_an_earlier_version_go_on(
    finished: Path, blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It wrote where the weights lie as the command named it, and no plan."""
    out = shutil.copytree(finished, tmp_path / "out")
    shutil.copy(finished / "fold1" / LAST, tmp_path / "start.pt")
    (out / "plan.json").unlink()
    for fold in finished_folds(out):
        record = json.loads((fold.root / SETTINGS).read_text())
        record["settings"]["weights"] = "start.pt"
        (fold.root / SETTINGS).write_text(json.dumps(record))
    monkeypatch.setattr(crossvalidate.subprocess, "run", lambda *_, **__: pytest.fail("trained"))
    monkeypatch.setattr(crossvalidate, "estimate", lambda folds: estimate(finished_folds(finished)))
    monkeypatch.chdir(tmp_path)
    words = ["crossvalidate", str(blobs), "--out", str(out), "--folds", "3", *TINY]

    assert gemscan.main([*words, "--weights", "start.pt"]) == 0

    assert json.loads((out / "plan.json").read_text())["folds"] == 3


def test_a_fold_that_goes_on_needs_its_start_no_more(finished: Path, blobs: Path, tmp_path: Path):
    out = shutil.copytree(finished, tmp_path / "out")
    fold = finished_folds(out)[0]
    flags = ["--weights", str(tmp_path / "gone.pt")]
    (fold.root / LAST).unlink()

    check_untaught(blobs, fold, flags)  # it would say that it cannot be read
    (fold.root / STATE).unlink()
    with pytest.raises(GemscanError, match=r"gone\.pt"):
        check_untaught(blobs, fold, flags)


def test_folds_of_other_photographs_are_not_pooled(
    finished: Path, more_blobs: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["crossvalidate", str(more_blobs), "--out", str(finished), "--folds", "3", *TINY]

    assert gemscan.main([*words, "--weights", "none"]) == 2
    assert f"not {more_blobs.resolve()}. Give the command" in capsys.readouterr().err


def test_the_same_command_goes_on_and_trains_nothing_again(
    finished: Path, blobs: Path, monkeypatch: pytest.MonkeyPatch
):
    """What trains is no part of the recipe: --device and --hold may be others."""
    monkeypatch.setattr(crossvalidate.subprocess, "run", lambda *_, **__: pytest.fail("trained"))
    words = ["crossvalidate", str(blobs), "--out", str(finished), "--folds", "3", *TINY]

    assert gemscan.main([*words, "--weights", "none", "--hold", "stream"]) == 0


def test_a_run_that_was_taught_by_what_judges_it_gives_no_estimate(finished: Path, tmp_path: Path):
    folds = finished_folds(shutil.copytree(finished, tmp_path / "out"))
    weights = load_weights(folds[1].root / LAST)
    seen = digests(folds[1].split, "validation")[:2]
    save_checkpoint(folds[1].root / LAST, weights | {"training": [*weights["training"], *seen]})

    with pytest.raises(FoldError, match="fold2 learns from 2 of the 9 pictures"):
        estimate(folds)


@pytest.mark.parametrize("flag", ["--weights", "--teachers"])
def test_what_knows_the_judges_is_refused_before_a_fold_takes_hours(
    exported: Path,
    blobs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    flag: str,
):
    monkeypatch.setattr(crossvalidate, "train_fold", lambda *_: pytest.fail("it was trained"))
    words = ["crossvalidate", str(blobs), "--out", str(tmp_path / "out"), "--folds", "3", *TINY]

    assert gemscan.main([*words, "--weights", "none", flag, str(exported)]) == 2

    assert "fold1 learns from 8 of the 9 pictures that judge it" in capsys.readouterr().err


def test_a_picture_that_judges_twice_gives_no_estimate(finished: Path):
    first = finished_folds(finished)[0]

    with pytest.raises(FoldError, match="9 pictures judge fold1 and another fold"):
        estimate([first, first])


def test_a_fold_that_diverged_gives_no_estimate(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With the reference preset that is no failure of `gemscan train`."""
    ended = subprocess.CompletedProcess[bytes]([], returncode=0)
    monkeypatch.setattr(crossvalidate.subprocess, "run", lambda *_, **__: ended)

    with pytest.raises(FoldError, match="fold1 diverged"):
        train_fold(blobs, plan_folds(blobs, tmp_path, count=3)[0], [])


def test_a_class_of_fewer_pictures_than_folds_is_refused(blobs: Path, tmp_path: Path):
    with pytest.raises(DataError, match="fewer pictures than folds"):
        plan_folds(blobs, tmp_path, count=10)


def test_a_class_of_too_few_photographs_is_refused_before_anything_is_written(
    blobs: Path, tmp_path: Path
):
    """Nine pictures are enough for three folds; copies of two photographs are not."""
    folder = shutil.copytree(blobs, tmp_path / "data")
    for number in range(2, 9):
        copied = (folder / "Ruby" / f"{number % 2}.png").read_bytes()
        (folder / "Ruby" / f"{number}.png").write_bytes(copied + bytes([number]))

    with pytest.raises(DataError, match="Ruby: too few photographs that are no copies"):
        plan_folds(folder, tmp_path / "out", count=3)

    assert not (tmp_path / "out").exists()  # other --folds may be tried at once


def test_the_estimate_pools_what_each_fold_named_right(finished: Path):
    said = json.loads((finished / "estimate.json").read_text())

    assert said["n"] == 27
    rows = [json.loads((finished / f"fold{k}/history.json").read_text())[-1] for k in (1, 2, 3)]
    right = sum(round(row["validation_top1"] * 9) for row in rows)
    assert said["top1"] == right / 27
    assert said["top1_interval_95"] == list(wilson_interval(right, 27))
    assert [fold["n"] for fold in said["folds"]] == [9, 9, 9]


def test_the_last_epoch_counts_whichever_was_best(finished: Path, tmp_path: Path):
    folds = finished_folds(shutil.copytree(finished, tmp_path / "folds"))
    history = json.loads((folds[0].root / "history.json").read_text())
    (folds[0].root / "history.json").write_text(
        json.dumps([*history, history[-1] | {"validation_top1": 1 / 9}])
    )

    assert estimate(folds)["folds"][0] == {"n": 9, "right": 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--classes", "classes.txt"], "started with other flags"),
        (["--after", "FINISHED"], "started with other flags"),
        ([], "plan.json cannot be read"),
    ],
)
def test_folds_are_not_gone_on_with_by_another_plan(
    finished: Path, blobs: Path, tmp_path: Path, monkeypatch, capsys, words: list[str], said: str
):
    out = tmp_path / "out"
    plan_folds(blobs, out, count=3)
    (tmp_path / "classes.txt").write_text("Ruby\nSapphire\n")
    monkeypatch.chdir(tmp_path)
    if not words:
        (out / "plan.json").write_text("{")
    words = [str(finished) if word == "FINISHED" else word for word in words]

    assert gemscan.main(["crossvalidate", str(blobs), "--out", str(out), *words, *TINY]) == 2
    assert said in capsys.readouterr().err


def test_a_second_stage_is_not_gone_on_with_after_another_first(finished: Path, tmp_path: Path):
    other = shutil.copytree(finished, tmp_path / "other")
    plan_second_stage(finished, tmp_path / "out")

    with pytest.raises(SettingsError, match="started with other flags"):
        plan_second_stage(other, tmp_path / "out")


def test_a_fold_that_was_killed_goes_on_after_its_last_save(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    given: list[str] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        given.extend(words)
        (fold.root / LAST).touch()
        return subprocess.CompletedProcess([], returncode=0)

    fold = plan_folds(blobs, tmp_path, count=3)[0]
    fold.root.mkdir()
    (fold.root / SETTINGS).write_text("{}")
    monkeypatch.setattr(crossvalidate.subprocess, "run", run)

    train_fold(blobs, fold, ["--epochs", "3"])

    assert given[-1] == "--resume"
    assert given[given.index("--split") + 1] == str(fold.split)


def test_a_second_stage_keeps_the_folds_and_starts_from_their_weights(
    finished: Path, blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    called: list[tuple[Fold, list[str]]] = []
    monkeypatch.setattr(
        crossvalidate, "train_fold", lambda data, fold, flags: called.append((fold, flags))
    )
    monkeypatch.setattr(crossvalidate, "estimate", lambda folds: estimate(finished_folds(finished)))
    classes = tmp_path / "classes.txt"
    classes.write_text("Ruby\nSapphire\nPeridot\n")
    words = ["crossvalidate", str(blobs), "--out", str(tmp_path), "--after", str(finished)]

    assert gemscan.main([*words, "--classes", str(classes), *TINY]) == 0

    assert [fold.root for fold, _ in called] == [tmp_path / f"fold{k}" for k in (1, 2, 3)]
    for fold, flags in called:
        assert fold.split == finished / fold.root.name / "split.json"
        assert flags[:2] == ["--weights", str(finished / fold.root.name / "last.pt")]
        assert flags[2:] == ["--classes", str(classes), *TINY[1:]]


def test_a_finished_fold_is_not_trained_again(finished: Path, blobs: Path):
    fold = finished_folds(finished)[0]

    train_fold(blobs, fold, ["--no-such-flag"])  # it would be refused


def test_a_fold_that_fails_says_so(blobs: Path, tmp_path: Path):
    fold = plan_folds(blobs, tmp_path, count=3)[0]

    with pytest.raises(FoldError, match="fold1 ended with exit code 2"):
        train_fold(blobs, fold, ["--size", "1"])


def test_a_file_named_train_in_this_folder_is_not_run(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fold = plan_folds(blobs, tmp_path / "out", count=3)[0]
    (tmp_path / "train.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(FoldError, match="fold1 ended with exit code 2"):
        train_fold(blobs, fold, ["--size", "1"])


def test_nothing_can_follow_what_is_not_finished(tmp_path: Path):
    with pytest.raises(DataError, match="no finished cross-validation"):
        finished_folds(tmp_path)


def test_nothing_can_finished_folds_of_which_one_has_not_begun(finished: Path, tmp_path: Path):
    out = shutil.copytree(finished, tmp_path / "out")
    shutil.rmtree(out / "fold3")
    (out / "estimate.json").unlink()

    with pytest.raises(DataError, match="no finished cross-validation"):
        finished_folds(out)


def test_the_estimate_travels_in_the_bundle(
    finished: Path, finished_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    said = str(finished / "estimate.json")

    assert gemscan.main(["export", str(finished_run), str(tmp_path / "b"), "--estimate", said]) == 0

    metrics = load_bundle(tmp_path / "b").manifest.metrics
    found = metrics["cross_validation"]
    assert found == json.loads(Path(said).read_text()) | {"note": found["note"]}
    assert "another recipe than this model's: epochs 1, not 2" in found["note"]
    assert "another recipe than this model's: epochs 1, not 2" in caplog.text
    assert metrics["validation"]["n"] == 3


def test_an_estimate_of_the_same_recipe_has_no_note(finished: Path):
    found = read_estimate(finished / "estimate.json")
    recipe = found["recipe"] | {"validation_share": 0.5, "seed": 7}

    assert (found["recipe"]["epochs"], found["recipe"]["kinds"]) == (1, 3)
    assert held_against(found, recipe) == found
    for other, said in (
        ({"mixup": 0.2}, "mixup 0.0, not 0.2"),
        ({"weights": "gems15"}, "weights none, not gems15"),
        ({"kinds": 80}, "kinds 3, not 80"),
        ({"extra_pictures": True}, "extra_pictures False, not True"),
    ):
        assert said in held_against(found, recipe | other)["note"]


def test_an_estimate_of_an_earlier_version_says_that_its_recipe_is_not_known(
    finished: Path, tmp_path: Path
):
    said = json.loads((finished / "estimate.json").read_text())
    recipe = said.pop("recipe")
    (tmp_path / "e.json").write_text(json.dumps(said))

    assert "not recorded" in held_against(read_estimate(tmp_path / "e.json"), recipe)["note"]


def test_thresholds_are_chosen_on_all_pictures_of_the_folds(
    finished: Path, finished_run: Path, tmp_path: Path
):
    words = ["export", str(finished_run), str(tmp_path / "b"), "--folds", str(finished)]
    assert gemscan.main(words) == 0

    metrics = load_bundle(tmp_path / "b").manifest.metrics
    found = metrics["cross_validation"]
    said = json.loads((finished / "estimate.json").read_text())
    assert {name: found[name] for name in said} == said
    assert metrics["confidence"]["pictures"]["judging"] == 27
    assert metrics["confidence"]["known"]["named"]["n"] == 27
    assert "run of a cross-validation" in metrics["confidence"]["note"]
    assert len(load_bundle(tmp_path / "b").read_json("confidence.json")["judging"]) == 27
    assert "thresholds" not in metrics["validation"]["note"]


def test_folds_that_lack_a_label_choose_no_thresholds(
    finished: Path, finished_run: Path, tmp_path: Path, capsys
):
    folds = shutil.copytree(finished, tmp_path / "folds")
    weights = load_weights(folds / "fold2" / LAST)
    labels = ["Ruby" if label == "Peridot" else label for label in weights["labels"]]
    save_checkpoint(folds / "fold2" / LAST, weights | {"labels": labels})

    words = ["export", str(finished_run), str(tmp_path / "b"), "--folds", str(folds)]
    assert gemscan.main(words) == 2

    assert "was not trained on Peridot" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_folds_are_narrowed_as_the_run_is(finished: Path, finished_run: Path, tmp_path: Path):
    (tmp_path / "two.txt").write_text("Ruby\nPeridot\n")
    words = ["export", str(finished_run), str(tmp_path / "b"), "--folds", str(finished)]
    assert gemscan.main([*words, "--classes", str(tmp_path / "two.txt")]) == 0

    metrics = load_bundle(tmp_path / "b").manifest.metrics
    assert [fold["n"] for fold in metrics["cross_validation"]["folds"]] == [6, 6, 6]
    assert metrics["confidence"]["known"]["named"]["n"] == 18


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"top1": 1}', '{"n": 3, "top1": "x"}'])
def test_another_file_is_no_estimate(tmp_path: Path, text: str):
    (tmp_path / "e.json").write_text(text)

    with pytest.raises(DataError, match=r"e\.json"):
        read_estimate(tmp_path / "e.json")
