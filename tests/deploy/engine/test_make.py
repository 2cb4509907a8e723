"""Getting an engine: found, built, or built again."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys

import pytest

from deploy.backends import open_backend
from deploy.bundle import Bundle
from deploy.engine.make import BuildSettings, device_keys, find_or_build, note
from deploy.engine.process import ROOT
from deploy.engine.recipe import FP16, INT8_QDQ
from deploy.engine.record import Scores, Timing
from deploy.engine.source import source_digest
from deploy.engine.store import EngineStore, KeptEngine
from deploy.errors import BackendError, BundleError

only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)
TIMING = Timing(1.0, 1.1, 1.5, graph=False)


def get(bundle: Bundle, precision: str = "auto") -> KeptEngine:
    return find_or_build(bundle, precision, BuildSettings())


def store_of(bundle: Bundle) -> EngineStore:
    return EngineStore(device_keys(bundle))


def test_an_engine_is_built_once_and_found_again(tensorrt_pose, bundle: Bundle, caplog):
    caplog.set_level(logging.INFO)

    first, second = get(bundle), get(bundle)

    assert first == second
    assert caplog.text.count("building the int8-qdq engine") == 1
    record = first.record
    assert (record.key.source, record.key.gpu) == (
        source_digest(bundle, INT8_QDQ),
        "Fake Orin (8 SM)",
    )
    assert (record.key.capability, record.recipe) == ("8.7", "int8-qdq")
    assert record.key.tensorrt.startswith(tensorrt_pose.version)
    assert first.path.stat().st_size == record.size_bytes


@only_10
def test_the_default_is_int8_where_there_is_one_and_else_fp16(tensorrt_pose, bundle: Bundle):
    assert get(bundle).recipe == INT8_QDQ
    assert get(bundle, "fp16").recipe == FP16


@only_10
def test_int8_of_a_bundle_without_it_is_refused_before_anything_is_built(tensorrt_pose, tmp_path):
    from tests.nets import write_float_bundle

    floating = write_float_bundle(tmp_path / "floating")

    with pytest.raises(BundleError, match="gemscan calibrate"):
        get(floating, "int8")
    assert get(floating).recipe == FP16


@only_10
def test_a_bundle_of_int8_alone_has_an_fp16_engine_made_from_it(tensorrt_pose, int8_only: Bundle):
    assert "weights rounded to 8 bits" in get(int8_only, "fp16").record.made_from


def flip_a_byte(engine: KeptEngine) -> None:
    data = bytearray(engine.path.read_bytes())
    data[len(data) // 2] ^= 1
    engine.path.write_bytes(data)


def cut(engine: KeptEngine) -> None:
    engine.path.write_bytes(engine.path.read_bytes()[:-100])


def lose_sidecar(engine: KeptEngine) -> None:
    """The engine is altered as well: the same bytes may be built again, rightly."""
    flip_a_byte(engine)
    engine.path.with_suffix(".json").unlink()


@only_10
@pytest.mark.parametrize("spoil", [flip_a_byte, cut, lose_sidecar])
def test_a_spoilt_engine_is_built_again_and_never_opened(
    tensorrt_pose, bundle: Bundle, monkeypatch, spoil
):
    import tensorrt

    first = get(bundle)
    spoil(first)
    spoilt, whole = first.path.read_bytes(), first.record.size_bytes
    real, opened = tensorrt.Runtime.deserialize_cuda_engine, []

    def remember(self, plan):
        opened.append(bytes(plan))
        return real(self, plan)

    monkeypatch.setattr(tensorrt.Runtime, "deserialize_cuda_engine", remember)
    with open_backend(bundle, "tensorrt") as backend:
        second = backend.engine

    assert spoilt not in opened
    assert opened == [second.read()]
    assert (second.path, second.record.size_bytes) == (first.path, whole)


@only_10
def test_another_gpu_gets_an_engine_of_its_own(tensorrt_pose, bundle: Bundle):
    first = get(bundle)
    tensorrt_pose.gpu.configure(name="Fake Nano")

    second = get(bundle)

    assert second.path.parent != first.path.parent
    assert first.path.exists()


@only_10
def test_an_engine_copied_from_another_device_is_refused(tensorrt_pose, bundle: Bundle, caplog):
    foreign = get(bundle)
    tensorrt_pose.gpu.configure(name="Fake Nano")
    place = store_of(bundle).engine_path(INT8_QDQ).parent
    place.mkdir(parents=True)
    for path in (foreign.path, foreign.path.with_suffix(".json")):
        (place / path.name).write_bytes(path.read_bytes())

    get(bundle)

    assert "made for another GPU, Fake Orin" in caplog.text


@only_10
def test_the_fastest_that_passed_is_preferred_and_of_the_precision_asked(
    tensorrt_pose, bundle: Bundle
):
    store = store_of(bundle)
    fast = dataclasses.replace(TIMING, picture_p50_ms=0.5)
    note(store, get(bundle, "int8"), scores=Scores(), timing=TIMING)
    note(store, get(bundle, "fp16"), scores=Scores(), timing=fast)

    assert get(bundle).recipe == FP16
    assert get(bundle, "int8").recipe == INT8_QDQ


@only_10
def test_an_engine_that_was_found_wrong_runs_for_those_alone_who_insist(
    tensorrt_pose, bundle: Bundle, caplog
):
    note(store_of(bundle), get(bundle), scores=Scores(failures=("it loses 9 points",)))

    with pytest.raises(BackendError, match="it loses 9 points"):
        get(bundle, "auto")
    assert get(bundle, "int8").recipe == INT8_QDQ
    assert "did not pass" in caplog.text


@only_10
def test_of_two_processes_that_start_at_once_one_builds(tensorrt_pose, bundle: Bundle):
    tensorrt_pose.gpu.configure(build_s=3.0)
    code = f"""
import logging
from pathlib import Path
from deploy.bundle import load_bundle
from deploy.engine.make import BuildSettings, find_or_build
logging.basicConfig(level=logging.INFO)
engine = find_or_build(load_bundle(Path({str(bundle.root)!r})), "auto", BuildSettings())
print(engine.record.built_at, engine.record.sha256)
"""
    words = [sys.executable, "-c", code]
    both = [
        subprocess.Popen(words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert said[0][0] == said[1][0]
    errors = said[0][1] + said[1][1]
    assert errors.count("building the int8-qdq engine") == 1
    assert errors.count("another process builds") == 1


@only_10
def test_a_cache_that_cannot_be_written_is_one_sentence(tensorrt_pose, bundle, monkeypatch):
    from deploy.errors import StorageError

    monkeypatch.setenv("GEMSCAN_CACHE", "/dev/null/cache")

    with pytest.raises(StorageError, match="could not be written"):
        get(bundle)


@only_10
def test_a_cache_folder_may_be_given_relative_to_where_one_is(
    tensorrt_pose, bundle: Bundle, tmp_path, monkeypatch
):
    """The process that builds works in another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEMSCAN_CACHE", "mine")

    assert get(bundle).path.is_relative_to(tmp_path / "mine")


@only_10
def test_boards_of_one_name_are_told_apart_by_their_multiprocessors(
    tensorrt_pose, bundle: Bundle, monkeypatch
):
    """Every Orin is called "Orin", and a power mode can turn some of it off."""
    import pycuda.driver as cuda

    before = device_keys(bundle)["fp16"]
    monkeypatch.setattr(cuda.Device, "get_attribute", lambda *_: 4)

    assert before.difference(device_keys(bundle)["fp16"]) == "another GPU, Fake Orin (4 SM)"


@only_10
def test_float32_built_by_itself_does_not_stand_in_for_an_int8_that_nobody_tried(
    tensorrt_pose, bundle: Bundle
):
    note(store_of(bundle), get(bundle, "fp32"), scores=Scores(), timing=TIMING)

    assert get(bundle).recipe == INT8_QDQ
