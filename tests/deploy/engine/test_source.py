"""What an engine hangs on: what its builder reads, and nothing else of the bundle."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import onnx
import pytest

from calibration.calibrate import Settings, calibrate_bundle
from deploy.bundle import EMBEDDING_SIZE, MODEL_FILES, Bundle, edit_bundle, load_bundle
from deploy.decision import Decision
from deploy.engine.make import BuildSettings, device_keys, find_or_build
from deploy.engine.recipe import FP16, FP32, INT8_CALIBRATOR, INT8_QDQ, RECIPES
from deploy.engine.source import source_digest
from deploy.errors import BundleError
from deploy.familiarity import Familiarity, write_familiarity
from deploy.files import write_json
from deploy.preprocess import Framing, InputSpec
from tests.builds import build_here
from tests.nets import write_float_bundle

only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


def changed(bundle: Bundle, **said: object) -> Bundle:
    """The bundle with other fields in its manifest, written as every command writes one."""
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        draft.manifest = dataclasses.replace(bundle.manifest, **said)
    return load_bundle(bundle.root)


def with_other_confidence(bundle: Bundle) -> Bundle:
    """What `gemscan confidence` changes: thresholds, familiarity, metrics, and its record."""
    planes = np.ones((EMBEDDING_SIZE + 1, len(bundle.labels) + 1), np.float32)
    decision = Decision(temperature=0.5, name_at_least=0.7, familiar_at_least=-3.0)
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        write_familiarity(draft.root, Familiarity(planes, len(bundle.labels)))
        write_json(draft.root / "confidence.json", {"judging": [], "others": []})
        draft.manifest = dataclasses.replace(
            bundle.manifest, decision=decision, metrics={"confidence": {"n": 1}}
        )
    return load_bundle(bundle.root)


def with_other_model(bundle: Bundle, precision: str) -> Bundle:
    """The bundle with one of its two networks made anew."""
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        path = str(draft.root / MODEL_FILES[precision])
        model = onnx.load(path)
        model.doc_string = "made anew"
        onnx.save(model, path)
    return load_bundle(bundle.root)


def digests(bundle: Bundle) -> dict[str, str]:
    return {name: source_digest(bundle, recipe) for name, recipe in RECIPES.items()}


def touched(before: Bundle, after: Bundle) -> set[str]:
    """The recipes whose engines are no longer those that were built."""
    old, new = digests(before), digests(after)
    return {name for name in RECIPES if old[name] != new[name]}


def test_other_thresholds_touch_no_engine(bundle: Bundle):
    after = with_other_confidence(bundle)

    assert after.digest != bundle.digest  # it decides otherwise
    assert not touched(bundle, after)


def test_names_and_what_was_measured_touch_no_engine(bundle: Bundle):
    after = changed(bundle, name="other", version="2", labels=("A", "B", "C"), provenance={"x": 1})

    assert not touched(bundle, after)


def test_the_network_touches_the_engines_that_are_built_from_it(bundle: Bundle):
    other_int8 = with_other_model(bundle, "int8")

    assert touched(bundle, other_int8) == {"int8-qdq"}
    assert touched(other_int8, with_other_model(other_int8, "fp32")) == {
        "int8-calibrator",
        "fp16",
        "fp32",
    }


def test_without_float32_the_others_are_built_from_int8(bundle: Bundle):
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        (draft.root / MODEL_FILES["fp32"]).unlink()
    alone = load_bundle(bundle.root)

    assert touched(bundle, alone) == {"int8-calibrator", "fp16", "fp32"}
    assert touched(alone, with_other_model(alone, "int8")) == set(RECIPES)


def test_the_input_touches_every_engine(bundle: Bundle):
    manifest = dataclasses.replace(bundle.manifest, input=InputSpec(96))

    assert touched(bundle, Bundle(bundle.root, manifest)) == set(RECIPES)


def test_framing_touches_the_engine_whose_pictures_it_cuts(bundle: Bundle):
    assert touched(bundle, changed(bundle, framing=Framing(margin=0.1))) == {"int8-calibrator"}


def test_another_calibration_touches_the_int8_engines_alone(bundle: Bundle, stones: Path):
    settings = Settings(count=9, method="minmax", keep_images=True, threads=1, seed=3)
    calibrate_bundle(bundle, stones, settings)

    assert touched(bundle, load_bundle(bundle.root)) == {"int8-qdq", "int8-calibrator"}


def test_a_kept_picture_touches_the_engine_that_is_calibrated_with_it(bundle: Bundle):
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        (draft.root / "calibration" / "Ruby").mkdir(parents=True)
        (draft.root / "calibration" / "Ruby" / "0.png").write_bytes(b"a picture")

    assert touched(bundle, load_bundle(bundle.root)) == {"int8-calibrator"}


def test_a_bundle_without_int8_has_no_source_for_qdq(tmp_path: Path):
    floating = write_float_bundle(tmp_path / "floating")

    with pytest.raises(BundleError, match="gemscan calibrate"):
        source_digest(floating, INT8_QDQ)
    assert source_digest(floating, FP16) == source_digest(floating, FP32)
    assert source_digest(floating, FP16) != source_digest(floating, INT8_CALIBRATOR)


@only_10
def test_the_device_and_its_tensorrt_touch_every_engine(tensorrt_pose, bundle: Bundle, monkeypatch):
    import tensorrt

    here = device_keys(bundle)
    tensorrt_pose.gpu.configure(name="Fake Nano")
    there = device_keys(bundle)
    monkeypatch.setattr(tensorrt, "__version__", "9.9.9")
    later = device_keys(bundle)

    for recipe in RECIPES:
        names = {keys[recipe].folder_name for keys in (here, there, later)}
        assert len(names) == 3
        assert here[recipe].source == later[recipe].source


@only_10
def test_after_other_thresholds_the_engine_runs_that_was_built(
    tensorrt_pose, bundle: Bundle, monkeypatch, caplog
):
    """On a Jetson building it again takes minutes, and the network is the same."""
    caplog.set_level(logging.INFO)
    builds = build_here(monkeypatch)
    first = find_or_build(bundle, "auto", BuildSettings())

    second = find_or_build(with_other_confidence(bundle), "auto", BuildSettings())

    assert builds.recipes == ["int8-qdq"]
    assert second == first
