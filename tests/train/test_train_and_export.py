"""From a run to its bundle, with real torch and real ONNX Runtime."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import gemscan
from deploy.backends import open_backend
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle, load_bundle
from deploy.folders import LabelledPicture
from train.checkpoint import load_weights
from train.data.pictures import read_squares
from train.export.onnx_file import ExportError, fold_batch_norms, prove_same, torch_logits
from train.framing import framing_of
from train.model import build_model
from train.run.folder import BEST
from train.settings import TrainSettings


@pytest.fixture(scope="module")
def exported(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of the finished run, written from another folder than the run was."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(elsewhere)
        assert gemscan.main(["export", str(finished_run), "blobs3"]) == 0
    return load_bundle(elsewhere / "blobs3")


def test_a_run_becomes_a_bundle_that_loads_and_agrees_with_torch(
    finished_run: Path, exported: Bundle
):
    assert exported.labels == ("Peridot", "Ruby", "Sapphire")
    assert exported.precisions == ("fp32",)
    assert exported.manifest.name == "blobs3"
    assert exported.manifest.metrics["validation"]["n"] == 3
    with open_backend(exported, threads=1) as backend:
        framing = framing_of(TrainSettings().framing)
        squares = read_squares(_validation(finished_run), 32, framing).pixels
        model = build_model(3).eval()
        model.backbone.load_state_dict(load_weights(finished_run / BEST)["backbone"])
        gap = np.abs(backend.infer(squares).logits - torch_logits(model, squares)).max()
    assert gap < 1e-3


def test_a_run_with_copies_on_both_sides_does_not_call_its_split_grouped(
    finished_run: Path, exported: Bundle, tmp_path: Path
):
    run = shutil.copytree(finished_run, tmp_path / "run")
    record = json.loads((run / "settings.json").read_text())
    record["settings"] |= {"enlarge": 4.5, "best_by": "smallest-error"}
    (run / "settings.json").write_text(json.dumps(record))

    assert gemscan.main(["export", str(run), str(tmp_path / "bundle")]) == 0

    note = load_bundle(tmp_path / "bundle").manifest.metrics["validation"]["note"]
    assert note.startswith("copies of one photograph stand on both sides of the split")
    assert "by the error on these same pictures" in note
    assert exported.manifest.metrics["validation"]["note"].startswith("grouped split; the epoch")


def _validation(run: Path) -> list[LabelledPicture]:
    split = json.loads((run / "split.json").read_text())
    assert not {p["digest"] for p in split["training"]} & {p["digest"] for p in split["validation"]}
    return [LabelledPicture(Path(p["path"]), p["label"]) for p in split["validation"]]


def test_the_exported_graph_takes_bytes_casts_first_and_holds_no_batch_norm(exported: Bundle):
    graph = onnx.load(exported.root / "model.onnx")

    kinds = [node.op_type for node in graph.graph.node]
    assert graph.opset_import[0].version == 17
    assert graph.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    readers = [node.op_type for node in graph.graph.node if "image" in node.input]
    assert readers == ["Cast"]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Conv") == 53


def test_a_validation_picture_that_changed_proves_nothing_but_stays_known(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
):
    """Also: "." as the bundle's place takes its folder's name; the last epoch is no choice."""
    run = shutil.copytree(finished_run, tmp_path / "run")
    split = json.loads((run / "split.json").read_text())
    changed = tmp_path / "changed.png"
    changed.write_bytes(Path(split["training"][0]["path"]).read_bytes())
    split["validation"][0]["path"] = str(changed)
    (run / "split.json").write_text(json.dumps(split))
    (tmp_path / "gems").mkdir()
    monkeypatch.chdir(tmp_path / "gems")

    assert gemscan.main(["export", str(run), ".", "--checkpoint", "last"]) == 0

    assert "1 of 3 validation pictures are gone or changed" in caplog.text
    bundle = load_bundle(tmp_path / "gems")
    assert bundle.manifest.name == "gems"
    assert bundle.manifest.metrics["validation"]["n"] == 2
    assert "the last of 2 epochs" in bundle.manifest.metrics["validation"]["note"]
    known = json.loads((tmp_path / "gems" / "training.json").read_text())["validation"]
    assert known == [picture["digest"] for picture in split["validation"]]


def test_a_bundle_may_know_some_of_the_classes_alone(
    finished_run: Path,
    exported: Bundle,
    blobs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    """Pictures of the others are looked at once, though they be given again."""
    (tmp_path / "two.txt").write_text("Sapphire\nPeridot\n")
    words = ["export", str(finished_run), str(tmp_path / "two")]
    words += ["--classes", str(tmp_path / "two.txt"), "--others", str(blobs)]
    assert gemscan.main(words) == 0

    two = load_bundle(tmp_path / "two")
    assert two.labels == ("Sapphire", "Peridot")
    squares = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    with OnnxCpuBackend(two, "fp32") as some, OnnxCpuBackend(exported, "fp32") as every:
        rows = [exported.labels.index(label) for label in two.labels]
        np.testing.assert_allclose(
            some.infer(squares).logits, every.infer(squares).logits[:, rows], atol=1e-4
        )
    metrics, training = two.manifest.metrics, two.manifest.provenance["training"]
    assert metrics["validation"]["n"] == 2
    assert "taught other classes too" in metrics["validation"]["note"]
    taught = json.loads((finished_run / "split.json").read_text())["training"]
    assert training["pictures"] == len(taught)
    assert training["other_classes"] == 1
    extra = json.loads((finished_run / "settings.json").read_text())["extra"]
    rubies = {p["path"] for p in taught if p["label"] == "Ruby" and extra not in p["path"]}
    rubies |= {str(path) for path in (blobs / "Ruby").iterdir()}
    assert metrics["confidence"]["pictures"]["others"] == len(rubies)
    assert "taught kinds of the others" in metrics["confidence"]["note"]

    words = ["--images", str(blobs), "--others", str(blobs)]
    assert gemscan.main(["confidence", str(tmp_path / "two"), *words, "--threads", "1"]) == 0
    again = load_bundle(tmp_path / "two").manifest.metrics["confidence"]
    assert "taught kinds of the others" in again["note"]
    assert gemscan.main(["evaluate", str(tmp_path / "two"), str(blobs)]) == 0
    said = capsys.readouterr().out
    assert "8 of them taught the network and 9 of them fitted familiarity" in said


@pytest.mark.parametrize(
    ("names", "why"), [("Ruby\nOpal\n", "not trained on Opal"), ("Ruby\n", "at least two classes")]
)
def test_classes_that_the_run_cannot_give_are_refused(
    finished_run: Path, tmp_path: Path, capsys, names: str, why: str
):
    (tmp_path / "names.txt").write_text(names)
    words = ["export", str(finished_run), str(tmp_path / "b")]

    assert gemscan.main([*words, "--classes", str(tmp_path / "names.txt")]) == 2

    assert why in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_a_proof_fails_when_the_onnx_logits_are_another_networks():
    squares = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    torch.manual_seed(1)
    one, other = build_model(3).eval(), build_model(3).eval()

    prove_same(torch_logits(one, squares), one, squares)
    with pytest.raises(ExportError, match="differ by"):
        prove_same(torch_logits(other, squares), one, squares)


def test_large_logits_may_differ_by_their_rounding():
    squares = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    model = build_model(3).eval()
    with torch.no_grad():
        model.backbone.fc.bias.fill_(100.0)
    logits = torch_logits(model, squares)

    assert prove_same(logits + np.float32(5e-3), model, squares) == pytest.approx(5e-3, rel=0.01)
    with pytest.raises(ExportError, match=r"at most 0\.01 is rounding"):
        prove_same(logits + np.float32(2e-2), model, squares)


def test_folding_batch_norms_changes_no_logit():
    torch.manual_seed(0)
    model = build_model(3)
    pictures = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    model(pictures)  # in training mode: moves the running statistics off their start
    model.eval()

    folded = fold_batch_norms(model)

    assert torch.allclose(model(pictures)[0], folded(pictures)[0], atol=1e-4)
