"""A short run from folder to bundle, with real torch and real ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import gemscan
from deploy.backends import open_backend
from deploy.bundle import load_bundle
from deploy.preprocess import Framing
from train import model as model_file
from train.checkpoint import load_checkpoint, load_weights
from train.loop import BEST, LAST, STATE, Trainer
from train.model import WeightsError, build_model
from train.onnx_file import ExportError, fold_batch_norms, prove_same, torch_logits
from train.pictures import read_squares
from train.prepare import prepare
from train.progress import TrainProgress
from train.settings import TrainSettings

SETTINGS = TrainSettings(size_px=32, epochs=2, batch=8, weights="none", seed=4)


def train(folder: Path, run: Path, *flags: str) -> int:
    words = ["train", str(folder), "--out", str(run), "--size", "32", "--batch", "8"]
    return gemscan.main([*words, "--weights", "none", "--device", "cpu", *flags])


def test_a_run_becomes_a_bundle_that_loads_and_agrees_with_torch(
    blob_folder: Callable[[int], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder, run, out = blob_folder(9), tmp_path / "run", tmp_path / "blobs3"

    assert train(folder, run, "--epochs", "2") == 0
    assert gemscan.main(["export", str(run), str(out)]) == 0
    printed = capsys.readouterr().out

    bundle = load_bundle(out)
    assert bundle.labels == ("Peridot", "Ruby", "Sapphire")
    assert bundle.precisions == ("fp32",)
    assert bundle.manifest.metrics["validation"]["n"] == 3
    assert "agree to" in printed
    history = json.loads((run / "history.json").read_text())
    assert [row["epoch"] for row in history] == [0, 1]
    with open_backend(bundle, threads=1) as backend:
        squares = read_squares(_pictures(run), 32, Framing()).pixels
        model = build_model(3).eval()
        model.backbone.load_state_dict(load_weights(run / BEST)["backbone"])
        gap = np.abs(backend.infer(squares).logits - torch_logits(model, squares)).max()
    assert gap < 1e-3


def _pictures(run: Path) -> list:
    from deploy.folders import LabelledPicture

    split = json.loads((run / "split.json").read_text())
    assert not {p["digest"] for p in split["training"]} & {p["digest"] for p in split["validation"]}
    return [LabelledPicture(Path(p["path"]), p["label"]) for p in split["validation"]]


def test_the_exported_graph_takes_bytes_casts_first_and_holds_no_batch_norm(
    blob_folder: Callable[[int], Path], tmp_path: Path
):
    train(blob_folder(4), tmp_path / "run", "--epochs", "1")
    gemscan.main(["export", str(tmp_path / "run"), str(tmp_path / "b")])

    graph = onnx.load(tmp_path / "b" / "model.onnx")

    kinds = [node.op_type for node in graph.graph.node]
    assert graph.opset_import[0].version == 17
    assert graph.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    readers = [node.op_type for node in graph.graph.node if "image" in node.input]
    assert readers == ["Cast"]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Conv") == 53


def test_extra_pictures_teach_and_never_validate(
    blob_folder: Callable[[int], Path], tmp_path: Path
):
    folder = blob_folder(6)

    alone = prepare(folder, SETTINGS)
    helped = prepare(folder, SETTINGS, extra=folder)

    assert len(helped.training.targets) == len(alone.training.targets) + 18
    assert helped.validation.pictures == alone.validation.pictures


def test_the_split_does_not_depend_on_the_size_of_the_input(
    blob_folder: Callable[[int], Path],
):
    """Else weights from a run at another size would have seen what now validates."""
    folder = blob_folder(12)

    one, other = (prepare(folder, replace(SETTINGS, size_px=px)) for px in (32, 72))

    assert one.validation.pictures == other.validation.pictures


def test_weights_that_saw_validation_pictures_are_warned_of_unless_the_split_is_followed(
    blob_folder: Callable[[int], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder, first = blob_folder(9), tmp_path / "first"
    assert train(folder, first, "--epochs", "1") == 0
    on = ["train", str(folder), "--size", "32", "--batch", "8", "--epochs", "1", "--seed", "1"]
    on += ["--weights", str(first / BEST), "--device", "cpu"]

    assert gemscan.main([*on, "--out", str(tmp_path / "leaky")]) == 0
    assert "will be flattered" in caplog.text
    caplog.clear()
    split = ["--split", str(first / "split.json")]
    assert gemscan.main([*on, *split, "--out", str(tmp_path / "sound")]) == 0
    assert "will be flattered" not in caplog.text


def test_a_stopped_run_that_is_resumed_ends_like_one_that_was_not(
    blob_folder: Callable[[int], Path], tmp_path: Path
):
    data = prepare(blob_folder(6), SETTINGS)
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    whole = trainer(data)
    whole.fit(straight, TrainProgress(2, 8))

    first = trainer(data)
    first._settings = replace(SETTINGS, epochs=1)  # as a kill after the first epoch leaves it
    first.fit(stopped, TrainProgress(2, 8))
    second = trainer(data)
    second.restore(load_checkpoint(stopped / STATE))
    second.fit(stopped, TrainProgress(2, 8))

    one, other = (load_weights(run / LAST)["backbone"] for run in (straight, stopped))
    assert [row.training_loss for row in second.history] == pytest.approx(
        [row.training_loss for row in whole.history], rel=1e-4
    )
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)


def trainer(data) -> Trainer:
    torch.manual_seed(0)
    return Trainer(build_model(3), data, SETTINGS, torch.device("cpu"))


def test_resume_with_another_size_is_refused_with_both_numbers(
    blob_folder: Callable[[int], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = blob_folder(4)
    train(folder, tmp_path / "run", "--epochs", "1")

    assert train(folder, tmp_path / "run", "--resume", "--epochs", "3") == 2
    assert "epochs 1, not 3" in capsys.readouterr().err


def test_a_folder_that_holds_a_run_is_not_overwritten(
    blob_folder: Callable[[int], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = blob_folder(4)
    train(folder, tmp_path / "run", "--epochs", "1")

    assert train(folder, tmp_path / "run", "--epochs", "1") == 2
    assert "Add --resume" in capsys.readouterr().err


def test_a_proof_fails_when_the_onnx_logits_are_another_networks():
    squares = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    torch.manual_seed(1)
    one, other = build_model(3).eval(), build_model(3).eval()

    prove_same(torch_logits(one, squares), one, squares)
    with pytest.raises(ExportError, match="differ by"):
        prove_same(torch_logits(other, squares), one, squares)


def test_folding_batch_norms_changes_no_logit():
    torch.manual_seed(0)
    model = build_model(3)
    pictures = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    model(pictures)  # in training mode: moves the running statistics off their start
    model.eval()

    folded = fold_batch_norms(model)

    assert torch.allclose(model(pictures)[0], folded(pictures)[0], atol=1e-4)


def test_weights_that_cannot_be_downloaded_name_the_alternatives(monkeypatch):
    def refuse(**_: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(model_file.ResNet50_Weights, "get_state_dict", lambda self, **_: refuse())
    with pytest.raises(WeightsError, match="--weights none"):
        build_model(3, "imagenet")


def test_torchvision_weights_from_a_file_keep_the_body_and_get_a_new_head(tmp_path: Path):
    torch.manual_seed(0)
    donor = build_model(1000).backbone.state_dict()
    torch.save(donor, tmp_path / "resnet50-11ad3fa6.pth")

    model = build_model(3, str(tmp_path / "resnet50-11ad3fa6.pth"))

    assert torch.equal(model.backbone.conv1.weight, donor["conv1.weight"])
    assert model.backbone.fc.weight.shape == (3, 2048)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path):
    class Payload:
        def __reduce__(self):
            return (print, ("executed",))

    torch.save({"backbone": Payload()}, tmp_path / "evil.pt")

    with pytest.raises(Exception, match=r"cannot be read as a checkpoint"):
        load_weights(tmp_path / "evil.pt")
