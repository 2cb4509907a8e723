"""Distillation: what bundles say of the pictures that are shown teaches too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import gemscan
from deploy.bundle import edit_bundle, load_bundle
from deploy.errors import SettingsError
from deploy.folders import find_labelled
from deploy.preprocess import Framing
from train.checkpoint import load_weights
from train.from_bundle import read_bundle_weights
from train.loop.teachers import Teacher, Teachers, load_teacher
from train.run.folder import HISTORY, LAST, SETTINGS, read_record
from train.settings import TrainSettings

CPU = torch.device("cpu")
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
GEMS = ("Ruby", "Jade", "Opal", "Pearl")
PICTURES = torch.rand(5, 3, 48, 48) * 255


class Speaker(nn.Module):
    """Says the same of every picture, and remembers what it was shown."""

    def __init__(self, logits: tuple[float, ...]) -> None:
        super().__init__()
        self._logits = torch.tensor(logits)
        self.shown: list[Tensor] = []

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        self.shown.append(pictures)
        return self._logits.repeat(len(pictures), 1), torch.zeros(len(pictures), 1)


def teacher(
    labels: tuple[str, ...], logits: tuple[float, ...], temperature: float = 1.0
) -> Teacher:
    network = Speaker(logits)
    return Teacher("t", network, labels, 32, Framing(), temperature, frozenset())  # type: ignore[arg-type]


def together(*teachers: Teacher, share: float = 1.0, labels: tuple[str, ...] = GEMS) -> Teachers:
    return Teachers(teachers, labels, Framing(), share, CPU)


def first_loss(run: Path) -> float:
    return float(json.loads((run / HISTORY).read_text())[0]["training_loss"])


def test_several_say_the_geometric_mean_of_what_each_says():
    first = teacher(GEMS, (3.0, 1.0, 0.0, 0.0))
    second = teacher(GEMS, (2.0, 4.0, 0.0, 2.0), temperature=2.0)

    said = together(first, second).say(PICTURES)

    each = [np.exp([3.0, 1.0, 0.0, 0.0]), np.exp([1.0, 2.0, 0.0, 1.0])]
    product = np.sqrt(each[0] / each[0].sum() * each[1] / each[1].sum())
    assert np.allclose(said.exp().numpy(), product / product.sum(), atol=1e-6)
    assert said.shape == (5, 4)


def test_they_speak_of_the_kinds_in_common_in_the_learners_order():
    """Whatever the order and the spelling of their own labels."""
    first = teacher(("Topaz", "OPAL", "Ruby", "Jade"), (9.0, 1.0, 2.0, 3.0))
    second = teacher(("ruby", "Opal"), (0.0, 0.0))

    said = together(first, second).say(PICTURES)[0]

    assert torch.allclose(said, F.log_softmax(torch.tensor([1.0, 0.5]), dim=0))


def test_a_learner_is_judged_on_those_kinds_alone():
    guide = together(teacher(("Ruby", "Jade"), (1.0, 3.0)))
    alike = torch.tensor([[-5.0, -3.0, 70.0, 0.0]]).repeat(5, 1)
    other = torch.tensor([[-3.0, -5.0, 70.0, 0.0]]).repeat(5, 1)

    assert guide.blend(torch.tensor(9.0), alike, PICTURES) == pytest.approx(0.0, abs=1e-6)
    a, b = F.softmax(torch.tensor([1.0, 3.0]), 0).tolist()
    wanted = a * np.log(a / b) + b * np.log(b / a)
    assert guide.blend(torch.tensor(9.0), other, PICTURES) == pytest.approx(wanted, rel=1e-5)


def test_a_learner_comes_to_say_what_they_say():
    guide = together(teacher(GEMS, (3.0, 1.0, 0.0, -1.0)), teacher(GEMS, (0.0, 1.0, 0.0, 4.0)))
    logits = torch.zeros(5, 4, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=5.0)

    for _ in range(200):
        optimizer.zero_grad()
        guide.blend(torch.tensor(9.0), logits, PICTURES).backward()
        optimizer.step()

    assert torch.allclose(F.log_softmax(logits, 1), guide.say(PICTURES), atol=1e-3)


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 9.0), (0.25, 6.75), (1.0, 0.0)])
def test_names_have_the_rest_of_the_loss(share: float, wanted: float):
    guide = together(teacher(("Ruby", "Jade"), (1.0, 3.0)), share=share)
    alike = torch.tensor([[1.0, 3.0, 0.0, 0.0]]).repeat(5, 1)

    blended = guide.blend(torch.tensor(9.0), alike, PICTURES)

    assert blended == pytest.approx(wanted, abs=1e-5)


def test_each_sees_the_pictures_at_its_own_size():
    small = teacher(GEMS, (0.0,) * 4)

    together(small).say(PICTURES)

    shown = small.network.shown[0]  # type: ignore[union-attr]
    assert shown.shape == (5, 3, 32, 32)
    assert torch.allclose(shown.mean((2, 3)), PICTURES.mean((2, 3)), atol=4)


def test_too_little_in_common_and_another_framing_are_refused():
    with pytest.raises(SettingsError, match="fewer than two kinds in common"):
        together(teacher(("Ruby", "Jade"), (0.0, 0.0)), teacher(("Jade", "Opal"), (0.0, 0.0)))
    stone = Framing("stone", 0.1)
    with pytest.raises(SettingsError, match=r"other squares \(centre\).* Give --framing centre"):
        Teachers([teacher(GEMS, (0.0,) * 4)], GEMS, stone, 0.5, CPU)


def test_a_bundle_speaks_as_its_network_does(exported: Path):
    read = load_teacher(str(exported))

    manifest = load_bundle(exported).manifest
    assert (read.labels, read.size_px) == (manifest.labels, manifest.input.size_px)
    assert read.temperature == manifest.decision.temperature
    assert read.taught == set(read_bundle_weights(load_bundle(exported))["training"])
    said = Teachers([read], read.labels, read.framing, 1.0, CPU).say(PICTURES[:, :, :32, :32])
    with torch.no_grad():
        logits, _ = read.network(PICTURES[:, :, :32, :32])
    assert torch.allclose(said, F.log_softmax(logits / read.temperature, 1), atol=1e-6)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NEEDS_GPU)])
def test_a_run_learns_from_a_bundles_answers_alone(
    train: Callable[..., int], blobs: Path, exported: Path, tmp_path: Path, device: str
):
    """Not one name counts here, and a network is told nothing new by itself."""
    with edit_bundle(tmp_path / "teacher", start_from=load_bundle(exported)) as draft:
        manifest = draft.require_manifest()
        plain = replace(manifest.decision, temperature=1.0)
        draft.manifest = replace(manifest, decision=plain)
    (tmp_path / "alone.json").write_text(json.dumps({"teacher_share": 1.0}))
    flags = ["--teachers", str(tmp_path / "teacher"), "--config", str(tmp_path / "alone.json")]
    flags += ["--epochs", "1", "--device", device]
    own = ["--weights", str(exported), "--lr", "1e-9"]

    assert train(blobs, tmp_path / "new", *flags) == 0
    assert train(blobs, tmp_path / "own", *flags, *own) == 0

    assert first_loss(tmp_path / "own") < 0.1 * first_loss(tmp_path / "new")
    settings = read_record(tmp_path / "new").settings
    assert (settings.teachers, settings.shown_px) == ((str(tmp_path / "teacher"),), 32)


def test_what_taught_a_teacher_has_taught_the_run(
    train: Callable[..., int],
    blobs: Path,
    more_blobs: Path,
    exported: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    """So no estimate can be made with it on the pictures that taught the teacher."""
    run = tmp_path / "run"

    assert train(blobs, run, "--teachers", str(exported), "--epochs", "1", "--seed", "5") == 0

    assert f"{exported} learned from" in caplog.text
    assert "validation pictures: the accuracy will be flattered" in caplog.text
    taught = set(load_weights(run / LAST)["training"])
    assert {picture.digest() for picture in find_labelled(more_blobs)} <= taught


def test_a_run_with_a_teacher_is_resumed_with_it(
    train: Callable[..., int],
    blobs: Path,
    exported: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    run, teachers = tmp_path / "run", ["--teachers", str(exported)]
    assert train(blobs, run, *teachers, "--epochs", "1") == 0

    assert train(blobs, run, *teachers, "--epochs", "1", "--resume") == 0
    assert train(blobs, run, "--teachers", "other", "--epochs", "1", "--resume") == 2
    assert "was started with teachers" in capsys.readouterr().err


def test_a_teacher_is_found_again_from_another_folder(
    train: Callable[..., int],
    blobs: Path,
    exported: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    run, flags = tmp_path / "run", ["--epochs", "1", "--teachers", exported.name]
    monkeypatch.chdir(exported.parent)
    assert train(blobs, run, *flags, "--weights", exported.name) == 0

    settings = read_record(run).settings
    assert (settings.weights, settings.teachers) == (str(exported), (str(exported),))
    assert train(blobs, run, *flags, "--weights", exported.name, "--resume") == 0
    monkeypatch.chdir(tmp_path)
    absolute = ["--epochs", "1", "--teachers", str(exported), "--weights", str(exported)]
    assert train(blobs, run, *absolute, "--resume") == 0


def test_a_bundle_names_its_teachers_without_the_folders_of_the_machine(
    train: Callable[..., int], blobs: Path, exported: Path, tmp_path: Path
):
    run, bundle = tmp_path / "run", tmp_path / "pupil"
    flags = ["--teachers", str(exported), "--weights", str(exported), "--epochs", "1"]
    assert train(blobs, run, *flags) == 0

    assert gemscan.main(["export", str(run), str(bundle)]) == 0

    settings = load_bundle(bundle).manifest.provenance["training"]["settings"]
    assert settings["teachers"] == [settings["weights"]] == [exported.name]
    for name in ("bundle.json", "training.json"):
        assert str(exported.parent) not in (bundle / name).read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        {"teacher_share": 1.5},
        {"teacher_share": -0.1},
        {"shown_px": 200},
        {"shown_px": 900},
        {"teachers": ("a",), "enlarge": 10.0},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]):
    with pytest.raises(ValueError, match=r"teacher_share|shown_px|teachers"):
        TrainSettings(**wrong)  # type: ignore[arg-type]


def test_a_run_of_before_there_were_teachers_is_resumed(
    train: Callable[..., int], blobs: Path, tmp_path: Path
):
    run = tmp_path / "run"
    assert train(blobs, run, "--epochs", "1") == 0
    record = json.loads((run / SETTINGS).read_text())
    for name in ("teachers", "teacher_share", "shown_px", "precision", "mixup"):
        del record["settings"][name]
    (run / SETTINGS).write_text(json.dumps(record))

    assert train(blobs, run, "--epochs", "1", "--resume") == 0
    assert read_record(run).settings.teachers == ()
