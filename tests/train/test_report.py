"""`RUN/report.html`: of a finished run, one under way, an old one, one that diverged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import gemscan
from tests import pages
from train.checkpoint import load_checkpoint, save_checkpoint
from train.framing import framing_of
from train.report import report, validated
from train.report.facts import duration, pictures_per_epoch
from train.report.report import write_report
from train.report.validated import CACHE
from train.run import training
from train.run.environment import ENVIRONMENT
from train.run.files import read_run
from train.run.folder import BEST, HISTORY, LAST, SETTINGS, SPLIT, STATE
from train.settings import TrainSettings

CPU = torch.device("cpu")
FRAMING = framing_of(TrainSettings().framing)


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be changed."""
    return shutil.copytree(finished_run, tmp_path / "run", ignore=shutil.ignore_patterns(STATE))


def change(path: Path, edit: Callable[[dict], object]) -> None:
    said = json.loads(path.read_text())
    edit(said)
    path.write_text(json.dumps(said))


def reported(run: Path) -> pages.Page:
    return pages.Page(write_report(run, "cpu"))


def test_the_command_writes_a_page_with_the_numbers_of_the_run(
    run: Path, capsys: pytest.CaptureFixture[str]
):
    assert gemscan.main(["report", str(run), "--device", "cpu"]) == 0

    assert capsys.readouterr().out.strip() == str(run / "report.html")
    page = pages.Page(run / "report.html")
    best = json.loads((run / HISTORY).read_text())[load_checkpoint(run / BEST)["epoch"] - 1]
    names = [row[:5] for row in page.table("Test pictures named right")[1:]]
    assert [name[1] for name in names[:3]] == ["Peridot", "Ruby", "Sapphire"]
    assert names[-1] == ["", "All pictures", "30", "3", f"{100 * best['validation_top1']:.1f} %"]
    sides = {row[0]: row[1] for row in page.table("Pictures from")[1:]}
    assert sides == {"Training": "30", "of these, extra pictures that only teach": "6", "Test": "3"}
    settings = {row[0]: row[1] for row in page.table("Settings of the run")[1:]}
    assert (settings["Size px"], settings["Epochs"]) == ("32", "2")
    assert page.table("Where it ran")[1][2].count(".") == 2  # a version
    assert "2 of 2 epochs are done." in page.text
    assert [a for a in page.loads if not a.startswith(("#", "data:image/jpeg"))] == []
    assert page.images == 3
    assert "Near-duplicates were grouped before the split" in page.text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "32 px, from nothing: 30 pictures taught it, 3 tested it"),
        ({"weights": "imagenet"}, "from ImageNet weights: 30 pictures"),
        ({"weights": "gems15"}, "from gems15: 30 pictures"),
        ({"weights": "/shop/models/gems15"}, "from gems15: 30 pictures"),
        (
            {"weights": "gems15", "teachers": ["/shop/a", "b.zip"]},
            "from gems15, with what a, b.zip answered: 30 pictures",
        ),
    ],
)
def test_the_page_says_what_the_run_started_from(run: Path, settings: dict[str, object], said: str):
    change(run / SETTINGS, lambda record: record["settings"].update(settings))

    assert said in reported(run).text


def test_the_logits_are_those_of_the_weights_and_are_computed_once(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    best = json.loads((run / HISTORY).read_text())[load_checkpoint(run / BEST)["epoch"] - 1]
    split = read_run(run).split
    first = validated.validated(run, split, FRAMING, CPU)
    assert float(first.right.mean()) == pytest.approx(best["validation_top1"])
    assert (run / CACHE).exists()

    monkeypatch.setattr(validated, "_compute", None)  # would fail
    again = validated.validated(run, split, FRAMING, CPU)

    assert (again.logits == first.logits).all()
    assert again.paths == first.paths


def test_other_weights_and_a_broken_cache_are_computed_anew(run: Path):
    split = read_run(run).split
    first = validated.validated(run, split, FRAMING, CPU).logits
    weights = load_checkpoint(run / BEST)
    weights["backbone"]["fc.bias"] += torch.tensor([1.0, 2.0, 3.0])
    save_checkpoint(run / BEST, weights)

    moved = validated.validated(run, split, FRAMING, CPU).logits
    assert moved - first == pytest.approx(np.array([[1, 2, 3]] * 3), abs=1e-4)

    (run / CACHE).write_bytes(b"PK\x03\x04 not whole")
    assert (validated.validated(run, split, FRAMING, CPU).logits == moved).all()


def test_pictures_that_are_gone_are_left_out_and_counted(run: Path):
    change(run / SPLIT, lambda said: said["validation"][0].update(path="/gone/1.png"))
    change(run / SPLIT, lambda said: said["unreadable"].append("/elsewhere/<b>.png"))

    page = reported(run)

    assert page.table("Test pictures named right")[-1][3] == "2"
    assert "1 test picture is not in the numbers of this report" in page.text
    assert page.table("Files that could not be read")[1] == ["/elsewhere/<b>.png"]


def test_a_run_before_its_first_save_has_a_page(run: Path, capsys: pytest.CaptureFixture[str]):
    for name in (HISTORY, BEST, LAST, ENVIRONMENT):
        (run / name).unlink()

    page = reported(run)

    assert "0 of 2 epochs are done: the run is going on, or was stopped." in page.text
    assert "tells the run's course" in page.text
    assert "not readable any more" not in page.text
    assert "was not noted" in page.text
    assert page.table("Pictures from")[1][0] == "Training"


def test_a_run_that_diverged_shows_the_curve_that_it_has(run: Path):
    def lose(rows: list) -> None:
        rows[1].update(training_loss=None, validation_loss=None, validation_top1=None)

    change(run / HISTORY, lose)
    outcome = {"preset": "reference", "chosen_epoch": 0, "leak": {"with_copy": 812}}
    (run / "outcome.json").write_text(json.dumps(outcome))

    page = reported(run)

    assert "In epoch 2 the loss was no longer a number: the run diverged." in page.text
    assert page.table("What the run noted of its end")[1:] == [
        ["Preset", "reference"],
        ["Chosen epoch", "1"],
        ["Leak: with copy", "812"],
    ]


def test_weights_that_give_no_numbers_are_told_of(run: Path):
    weights = load_checkpoint(run / BEST)
    weights["backbone"]["fc.bias"] += torch.nan
    save_checkpoint(run / BEST, weights)

    page = reported(run)

    assert "The chosen weights give logits that are no numbers." in page.text
    assert page.images == 3


def test_a_class_without_test_pictures_has_a_dash(run: Path):
    change(run / SPLIT, lambda said: said.update(validation=said["validation"][1:]))

    page = reported(run)

    dashed = [row for row in page.table("Test pictures named right") if row[3] == "0"]
    assert [row[4] for row in dashed] == ["–"]


def test_copies_on_both_sides_are_warned_of_at_the_top(run: Path):
    change(run / SETTINGS, lambda said: said["settings"].update(preset="reference", enlarge=4.5))

    page = reported(run)

    assert "copies of the test pictures' photographs taught it" in page.text
    assert 'class="warning"' in page.html
    assert "Near-duplicates were grouped" not in page.text


@pytest.mark.parametrize("text", ["[]", "nothing", '{"settings": {}}'])
def test_what_is_no_run_is_one_sentence(run: Path, text: str, capsys: pytest.CaptureFixture[str]):
    (run / SETTINGS).write_text(text)

    assert gemscan.main(["report", str(run)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_training_ends_with_a_report_and_survives_one_that_cannot_be_written(
    train: Callable[..., int],
    blobs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(report, "write_page", lambda *_: 1 / 0)
        assert train(blobs, run, "--epochs", "1", report=True) == 0
    assert "the run is whole, but its report cannot be written" in caplog.text

    training._write_report(run, CPU)
    assert f"report: {run / 'report.html'}" in capsys.readouterr().out
    assert "1 of 1 epoch is done." in pages.Page(run / "report.html").text


@pytest.mark.parametrize(("batch", "shown"), [(8, 24), (30, 30), (64, 30)])
def test_an_epoch_shows_whole_batches_or_the_one_that_there_is(run: Path, batch: int, shown: int):
    change(run / SETTINGS, lambda said: said["settings"].update(batch=batch))

    assert pictures_per_epoch(read_run(run)) == shown


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(3.21, "3.2 s"), (41, "41 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (float("nan"), "–")],
)
def test_a_time_is_said_as_a_person_says_it(seconds: float, said: str):
    assert duration(seconds).replace("\u00a0", " ") == said
