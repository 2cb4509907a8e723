"""What a run starts from: files with weights, and bundles that learn on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from deploy.bundle import MODEL_FILES, edit_bundle, load_bundle
from deploy.golden.golden import golden_batch, read_golden
from edge_app.defaults import SHIPPED_BUNDLE
from train import weights as weights_file
from train.checkpoint import CheckpointError, load_weights
from train.export.onnx_file import torch_logits
from train.from_bundle import regain_norms
from train.model import build_model, conv_norms
from train.run.folder import BEST, SPLIT
from train.weights import Weights, WeightsError, find_weights


@pytest.fixture
def squares() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)


def test_weights_that_cannot_be_downloaded_name_the_alternatives(monkeypatch):
    def refuse(**_: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(weights_file.ResNet50_Weights, "get_state_dict", lambda self, **_: refuse())
    with pytest.raises(WeightsError, match="--weights BUNDLE, or from nothing with --weights none"):
        find_weights("imagenet")


def test_torchvision_weights_from_a_file_keep_the_body_and_get_a_new_head(tmp_path: Path):
    torch.manual_seed(0)
    donor = build_model(1000).backbone.state_dict()
    torch.save(donor, tmp_path / "resnet50-11ad3fa6.pth")
    model = build_model(3)
    head = model.backbone.fc.weight.clone()

    find_weights(str(tmp_path / "resnet50-11ad3fa6.pth")).load_into(model, ("a", "b", "c"))

    assert torch.equal(model.backbone.conv1.weight, donor["conv1.weight"])
    assert torch.equal(model.backbone.fc.weight, head)


def test_a_head_keeps_the_rows_of_the_labels_that_both_know():
    """Another kind more, or another order, and what was learned of the rest is not lost."""
    donor, model = build_model(3), build_model(4)
    new = model.backbone.fc.bias[2].item()
    start = Weights("run", donor.backbone.state_dict(), ("Ruby", "JADE", "Opal"))

    start.load_into(model, ("Opal", "Ruby", "Tanzanite", "Jade"))

    assert model.backbone.fc.bias[[0, 1, 3]].tolist() == donor.backbone.fc.bias[[2, 0, 1]].tolist()
    assert model.backbone.fc.bias[2].item() == new
    assert torch.equal(model.backbone.fc.weight[1], donor.backbone.fc.weight[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("conv1.weight"), "does not hold ResNet-50 weights"),
        (
            lambda state: state.update({"conv1.weight": torch.zeros(64, 3, 3, 3)}),
            r"another network: conv1\.weight has another shape",
        ),
    ],
)
def test_weights_of_another_network_are_refused(change: Callable[[dict], object], said: str):
    state = dict(build_model(3).backbone.state_dict())
    change(state)

    with pytest.raises(WeightsError, match=said):
        Weights("run", state).load_into(build_model(3))


def test_a_bundle_gives_back_the_network_that_it_was_made_of(
    finished_run: Path, exported: Path, squares: np.ndarray
):
    own, back = build_model(3).eval(), build_model(3)
    own.backbone.load_state_dict(load_weights(finished_run / BEST)["backbone"])
    start = find_weights(str(exported))

    start.load_into(back, start.labels)

    assert start.folded
    assert start.taught == set(load_weights(finished_run / BEST)["training"])
    gap = np.abs(torch_logits(back.eval(), squares) - torch_logits(own, squares)).max()
    assert gap < 1e-4


def test_measured_norms_change_nothing_in_evaluation_and_little_in_training(
    exported: Path, squares: np.ndarray
):
    model = build_model(3)
    find_weights(str(exported)).load_into(model)
    before = torch_logits(model.eval(), squares)
    planes = torch.from_numpy(squares.transpose(0, 3, 1, 2).copy())

    model.train()
    lost = np.abs(model(planes)[0].detach().numpy() - before).mean()
    find_weights(str(exported)).load_into(model)
    regain_norms(model, planes)

    assert model.training
    learns = np.abs(model(planes)[0].detach().numpy() - before).mean()
    find_weights(str(exported)).load_into(model)
    regain_norms(model, planes)
    assert np.abs(torch_logits(model.eval(), squares) - before).max() < 1e-4
    assert learns < 0.02 * lost


def test_every_filter_of_a_bundle_gets_one_length(exported: Path, squares: np.ndarray):
    """Batch normalisation undoes a filter's length, but a step turns a short one too far."""
    model = build_model(3)
    find_weights(str(exported)).load_into(model)

    regain_norms(model, torch.from_numpy(squares[:4].transpose(0, 3, 1, 2).copy()))

    for pair in conv_norms(model):
        lengths = pair.conv.weight.flatten(1).norm(dim=1)
        assert torch.allclose(lengths, torch.ones_like(lengths))


def test_an_int8_bundle_gives_its_rounded_network():
    bundle = load_bundle(SHIPPED_BUNDLE)
    golden = read_golden(bundle)
    assert golden is not None
    start, model = find_weights(str(SHIPPED_BUNDLE)), build_model(len(bundle.labels))

    start.load_into(model, bundle.labels)

    assert bundle.precisions == ("int8",)
    logits = torch_logits(model.eval(), golden_batch(bundle, golden))
    assert np.abs(logits - golden.logits["int8"]).max() < golden.tolerance["int8"]


def test_a_run_goes_on_from_a_bundle_and_says_when_it_taught_what_validates(
    train: Callable[..., int],
    blobs: Path,
    finished_run: Path,
    exported: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    """Without a step between, it is as good as the run that the bundle was made of."""
    caplog.set_level(logging.INFO)
    flags = ["--weights", str(exported), "--epochs", "1", "--lr", "1e-9"]
    split = ["--split", str(finished_run / SPLIT)]

    assert train(blobs, tmp_path / "apart", *flags, *split) == 0
    assert "flattered" not in caplog.text
    assert train(blobs, tmp_path / "mixed", *flags, "--seed", "5") == 0
    assert "validation pictures: the accuracy will be flattered" in caplog.text

    first = json.loads((tmp_path / "apart" / "history.json").read_text())[0]
    metrics = load_bundle(exported).manifest.metrics["validation"]
    assert first["validation_top1"] == pytest.approx(metrics["top1"])


def test_a_bundle_that_export_did_not_write_is_refused(
    train: Callable[..., int],
    blobs: Path,
    exported: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    with edit_bundle(tmp_path / "foreign", start_from=load_bundle(exported)) as draft:
        path = draft.root / MODEL_FILES["fp32"]
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            tensor.name = tensor.name.replace("layer3", "stage3")
        for node in model.graph.node:
            node.input[:] = [name.replace("layer3", "stage3") for name in node.input]
        onnx.save(model, path)

    assert train(blobs, tmp_path / "run", "--weights", str(tmp_path / "foreign")) == 2
    assert "cannot be taught on: its model has no layer3.0.conv1.weight" in capsys.readouterr().err


class Payload:
    def __reduce__(self):
        return (print, ("executed",))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path):
    torch.save({"backbone": Payload()}, tmp_path / "evil.pt")

    with pytest.raises(CheckpointError, match=r"cannot be read as a checkpoint"):
        find_weights(str(tmp_path / "evil.pt"))


@pytest.mark.parametrize("text", ["", "hello world", "Ruby\nPeridot\n", "0", "{}", "PK\x03\x04"])
def test_a_file_of_another_kind_is_refused_with_a_reason(tmp_path: Path, text: str):
    (tmp_path / "notes.pt").write_text(text)

    with pytest.raises(CheckpointError, match=r"cannot be read as a checkpoint \(.+\)"):
        find_weights(str(tmp_path / "notes.pt"))
