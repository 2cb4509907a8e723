"""A wrong embedding is noticed where familiarity hangs on it, however right the logits are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.calibrate import Settings, calibrate_bundle
from deploy.arrays import FloatArray
from deploy.backends import open_backend
from deploy.backends.base import Prediction
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import EMBEDDING_SIZE, FAMILIARITY, MODEL_FILES, Bundle, edit_bundle, load_bundle
from deploy.engine.score import golden_scores
from deploy.errors import BackendError
from deploy.familiarity import Familiarity, write_familiarity
from deploy.golden.check import check_golden
from deploy.golden.familiarity import EXPECTED, LEAST_TOLERANCE, read_golden_familiarity
from deploy.golden.ways import renew_golden_familiarity
from tests.nets import draw_stones, write_full_bundle

Change = Callable[[FloatArray], FloatArray]
WRONG: dict[str, Change] = {
    "dead": np.zeros_like,
    "in another order": lambda embedding: embedding[:, ::-1],
    "no numbers": lambda embedding: np.full_like(embedding, np.nan),
}


def familiar(bundle: Bundle, seed: int, *, renew: bool = True) -> Bundle:
    """The bundle with a familiarity of its own, as `gemscan confidence` leaves it."""
    planes = np.random.default_rng(seed).normal(0, 9, (EMBEDDING_SIZE + 1, 5)).astype(np.float32)
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        write_familiarity(draft.root, Familiarity(planes, len(bundle.labels)))
        decision = replace(bundle.manifest.decision, familiar_at_least=0.0)
        draft.manifest = replace(bundle.manifest, decision=decision)
        if renew:
            renew_golden_familiarity(draft.as_bundle())
    return load_bundle(bundle.root)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `bundle` and `stones`; tests only read it."""
    root = tmp_path_factory.mktemp("familiar")
    familiar(write_full_bundle(root / "bundle", draw_stones(root / "stones")), seed=0)
    return root


@pytest.fixture
def bundle(prepared: Path, tmp_path: Path) -> Bundle:
    """Both models, a familiarity, and what it says of the golden pictures with either."""
    return load_bundle(shutil.copytree(prepared / "bundle", tmp_path / "bundle"))


def spoil(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Let ONNX Runtime give the right logits with another embedding."""
    real = OnnxCpuBackend.infer

    def infer(self: OnnxCpuBackend, batch: np.ndarray) -> Prediction:
        right = real(self, batch)
        return Prediction(right.logits, change(right.embedding))

    monkeypatch.setattr(OnnxCpuBackend, "infer", infer)


class Named:
    """ONNX Runtime under another name, as an engine would be."""

    name = "tensorrt"

    def __init__(self, inner: OnnxCpuBackend, precision: str, *, own_ranges: bool = False) -> None:
        self.inner, self.precision, self.own_ranges = inner, precision, own_ranges

    def infer(self, batch: np.ndarray) -> Prediction:
        return self.inner.infer(batch)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_right_embedding_opens(bundle: Bundle, precision: str):
    with open_backend(bundle, "onnx-cpu", precision) as backend:
        assert check_golden(bundle, backend) < 0.05


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_right_logits_with_a_wrong_embedding_are_refused(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, precision: str, change: Change
):
    spoil(monkeypatch, change)

    with pytest.raises(BackendError, match="the familiarity of a golden picture differs by"):
        open_backend(bundle, "onnx-cpu", precision)


def test_brighter_light_in_the_embedding_is_none_of_its_business(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
):
    spoil(monkeypatch, lambda embedding: embedding * 1.5)

    open_backend(bundle, "onnx-cpu").close()


def test_a_bundle_that_keeps_none_opens_as_it_did(bundle: Bundle, monkeypatch: pytest.MonkeyPatch):
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        (draft.root / EXPECTED).unlink()
    without = load_bundle(bundle.root)
    spoil(monkeypatch, np.zeros_like)

    assert read_golden_familiarity(without) is None
    open_backend(without, "onnx-cpu").close()


def test_what_is_kept_of_another_familiarity_says_nothing(bundle: Bundle):
    """As when an older gemscan fits it anew, and knows nothing of this file."""
    other = familiar(bundle, seed=1, renew=False)

    assert EXPECTED in other.manifest.files
    assert read_golden_familiarity(other) is None
    open_backend(other, "onnx-cpu").close()


def test_another_fit_is_kept_anew_for_each_model_that_is_here(bundle: Bundle):
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        (draft.root / MODEL_FILES["fp32"]).unlink()

    kept = read_golden_familiarity(familiar(load_bundle(bundle.root), seed=1))

    assert kept is not None
    assert set(kept.values) == set(kept.tolerance) == set(kept.why) == {"int8"}


def test_another_calibration_renews_int8_and_leaves_float32(bundle: Bundle, prepared: Path):
    before = read_golden_familiarity(bundle)
    calibrate_bundle(bundle, prepared / "stones", Settings(count=9, method="percentile", threads=1))
    after = read_golden_familiarity(load_bundle(bundle.root))

    assert before is not None
    assert after is not None
    assert after.of == before.of == bundle.manifest.files[FAMILIARITY]
    assert after.values["fp32"] == before.values["fp32"]
    assert after.values["int8"] != before.values["int8"]
    assert "the signed graph as TensorRT and ARM run it" in after.why["int8"]
    assert min(after.tolerance.values()) >= LEAST_TOLERANCE


def test_half_precision_is_held_to_float32(bundle: Bundle, monkeypatch: pytest.MonkeyPatch):
    with OnnxCpuBackend(bundle, "fp32") as inner:
        backend = Named(inner, "fp16")
        assert check_golden(bundle, backend) is not None
        spoil(monkeypatch, np.zeros_like)
        with pytest.raises(BackendError, match="the familiarity"):
            check_golden(bundle, backend)


def test_half_precision_of_a_bundle_of_int8_alone_may_differ_as_int8_does(bundle: Bundle):
    """Its weights are those of INT8, and float32's own tolerance is not for them."""
    with OnnxCpuBackend(bundle, "int8") as inner:
        found = Named(inner, "fp16")
        tight = strict(bundle)
        with pytest.raises(BackendError, match="the familiarity"):
            check_golden(tight, found)
        with edit_bundle(bundle.root, start_from=tight) as draft:
            (draft.root / MODEL_FILES["fp32"]).unlink()
        check_golden(strict(load_bundle(bundle.root)), found)


def strict(bundle: Bundle) -> Bundle:
    """The bundle with hardly any room around the familiarity, and much around the logits."""
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        for name, room in (("golden/expected.json", 9.0), (EXPECTED, 1e-3)):
            said = json.loads((draft.root / name).read_text())
            said["tolerance"] = dict.fromkeys(said["tolerance"], room)
            (draft.root / name).write_text(json.dumps(said))
    return load_bundle(bundle.root)


def test_ranges_of_its_own_may_differ_from_float32_as_int8_does(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
):
    with OnnxCpuBackend(bundle, "int8") as inner:
        backend = Named(inner, "int8", own_ranges=True)
        assert check_golden(bundle, backend) is not None
        spoil(monkeypatch, np.zeros_like)
        with pytest.raises(BackendError, match="the familiarity"):
            check_golden(bundle, backend)


def test_an_engine_with_a_wrong_embedding_fails_in_words(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
):
    spoil(monkeypatch, np.zeros_like)
    with OnnxCpuBackend(bundle, "int8") as inner:
        scores = golden_scores(bundle, Named(inner, "int8"))

    assert len(scores.failures) == 1
    assert "the familiarity of a golden picture differs by" in scores.failures[0]
