"""The TensorRT backend where the commands use it, and the choice between it and the CPU."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from deploy.backends import open_backend
from deploy.backends.base import TimesItsEngine
from deploy.backends.tensorrt import TensorRtBackend
from deploy.bundle import Bundle, edit_bundle, load_bundle
from deploy.engine import graph
from deploy.engine.make import device_keys, note
from deploy.engine.process import ROOT
from deploy.engine.record import Timing
from deploy.engine.store import EngineStore
from deploy.errors import BackendError, BatchError, BundleError
from deploy.files import sha256
from deploy.record.reader import RecordReader
from gemscan import main
from tests.nets import drawn_squares

only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


@pytest.fixture
def bundle(prepared: Path, tmp_path: Path) -> Bundle:
    shutil.copytree(prepared / "bundle", tmp_path / "bundle")
    return load_bundle(tmp_path / "bundle")


def test_auto_takes_tensorrt_where_it_works_and_says_so(tensorrt_pose, bundle: Bundle, caplog):
    caplog.set_level(logging.INFO)

    with open_backend(bundle) as backend:
        assert (backend.name, backend.precision) == ("tensorrt", "int8")
        assert isinstance(backend, TimesItsEngine)

    assert "backend: tensorrt, int8" in caplog.text


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32"])
def test_every_precision_says_what_the_cpu_says(tensorrt_pose, bundle: Bundle, precision):
    squares = drawn_squares()
    with open_backend(bundle, "onnx-cpu", "fp32") as cpu:
        expected = cpu.infer(squares).logits
    with open_backend(bundle, "tensorrt", precision) as backend:
        assert backend.precision == precision
        logits = backend.infer(squares).logits

    allowed = {"int8": 0.5, "fp16": 0.05, "fp32": 1e-3}[precision]
    assert np.abs(logits - expected).max() < allowed


@only_10
@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"cuda": "absent"}, "no CUDA-capable device"),
        ({"tensorrt": "broken"}, "cannot start"),
        ({"fail": "no kernel"}, "no kernel"),
        ({"crash": "kill"}, "want of memory"),
    ],
)
def test_auto_falls_back_to_the_cpu_and_says_why(
    tensorrt_pose, bundle: Bundle, caplog, broken, why
):
    tensorrt_pose.gpu.configure(**broken)
    caplog.set_level(logging.INFO)

    with open_backend(bundle) as backend:
        assert (backend.name, backend.precision) == ("onnx-cpu", "int8")

    assert "TensorRT is not used" in caplog.text
    assert why in caplog.text


@only_10
def test_tensorrt_that_was_asked_for_by_name_is_not_replaced(tensorrt_pose, bundle: Bundle):
    tensorrt_pose.gpu.configure(cuda="absent")

    with pytest.raises(BackendError):
        open_backend(bundle, "tensorrt")


def test_without_tensorrt_auto_is_the_cpu_and_names_what_is_missing(bundle: Bundle, caplog):
    caplog.set_level(logging.INFO)
    assert "tensorrt" not in sys.modules

    with open_backend(bundle) as backend:
        assert backend.name == "onnx-cpu"

    assert "no tensorrt and no pycuda here" in caplog.text


def test_half_precision_on_the_cpu_is_refused_with_what_to_do(bundle: Bundle):
    with pytest.raises(BundleError, match="--backend tensorrt"):
        open_backend(bundle, "onnx-cpu", "fp16")


@only_10
@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, 63, 64, 3), np.uint8),
        np.zeros((1, 64, 64, 3), np.float32),
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((0, 64, 64, 3), np.uint8),
    ],
)
def test_a_batch_of_another_shape_or_type_is_refused(tensorrt_pose, bundle: Bundle, batch):
    with (
        open_backend(bundle, "tensorrt") as backend,
        pytest.raises(BatchError, match=r"takes \(N, 64, 64, 3\) uint8"),
    ):
        backend.infer(batch)


@only_10
def test_an_engine_that_tensorrt_refuses_is_built_again(
    tensorrt_pose, bundle: Bundle, monkeypatch, caplog
):
    """Whole and fitting by its sidecar, and refused: as after an update of the driver."""
    import tensorrt

    open_backend(bundle, "tensorrt").close()
    real, calls = tensorrt.Runtime.deserialize_cuda_engine, []

    def refuse_once(self, plan):
        calls.append(1)
        return real(self, plan) if len(calls) > 1 else None

    monkeypatch.setattr(tensorrt.Runtime, "deserialize_cuda_engine", refuse_once)
    caplog.set_level(logging.INFO)
    with open_backend(bundle, "tensorrt") as backend:
        assert backend.infer(drawn_squares()[:1]).logits.shape == (1, 3)

    assert "is built again" in caplog.text
    assert caplog.text.count("building the int8-qdq engine") == 1


@only_10
@pytest.mark.parametrize("wanted", [True, False])
def test_a_graph_is_used_where_it_was_found_faster(
    tensorrt_pose, bundle: Bundle, monkeypatch, wanted
):
    monkeypatch.setattr(graph, "_load", lambda: tensorrt_pose.gpu.driver)
    with TensorRtBackend(bundle) as backend:
        assert backend.engine_facts()["cuda_graph"] is False  # never timed
        engine = backend.engine
    note(EngineStore(device_keys(bundle)), engine, timing=Timing(1.0, 1.1, 1.5, graph=wanted))

    with TensorRtBackend(bundle) as backend:
        assert backend.engine_facts()["cuda_graph"] is wanted
        backend.infer(drawn_squares()[:1])

    assert tensorrt_pose.gpu.state()["graph_launches"] == wanted


@only_10
def test_an_engine_of_another_number_of_labels_is_refused(tensorrt_pose, bundle: Bundle):
    """The labels are no part of what an engine is built from, so it is found all the same."""
    manifest = dataclasses.replace(bundle.manifest, labels=(*bundle.labels, "Opal"))
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        draft.manifest = manifest

    with pytest.raises(BackendError, match=r"has inputs and outputs .*\(1, 3\).*\(1, 4\)"):
        TensorRtBackend(load_bundle(bundle.root))


@only_10
def test_an_engine_that_there_is_no_room_for_is_kept(tensorrt_pose, bundle: Bundle):
    with open_backend(bundle, "tensorrt") as backend:
        path = backend.engine.path
    tensorrt_pose.gpu.configure(free_mb=0)

    with pytest.raises(BackendError, match=r"memory|room"):
        open_backend(bundle, "tensorrt")
    assert path.exists()


@only_10
def test_an_engine_that_computes_something_else_is_refused_by_the_golden_pictures(
    tensorrt_pose, bundle: Bundle, monkeypatch
):
    from deploy.engine.lane import Lane

    monkeypatch.setattr(
        Lane,
        "start",
        lambda self, square, real=Lane.start: real(self, square[:, :, ::-1].copy()),
    )
    with pytest.raises(BackendError, match="golden picture differs"):
        open_backend(bundle, "tensorrt")


def test_evaluate_and_compare_run_on_it(tensorrt_pose, bundle: Bundle, prepared, tmp_path, capsys):
    out = tmp_path / "out.json"
    words = [str(bundle.root), str(prepared / "stones"), "--backend", "tensorrt"]

    assert main(["evaluate", *words, "--json", str(out)]) == 0
    assert json.loads(out.read_text())["backend"] == "tensorrt"

    assert main(["compare", *words, "--precision", "int8", "--json", str(out)]) == 0
    said = json.loads(out.read_text())
    assert (said["reference"], said["candidate"]) == ("onnx-cpu fp32", "tensorrt int8")
    assert capsys.readouterr().out.endswith("passed\n")


@only_10
def test_the_loop_and_the_benchmark_run_on_it(tensorrt_pose, bundle: Bundle, tmp_path, capsys):
    tensorrt_pose.gpu.configure(kernel_ms=2.5)
    out = tmp_path / "out.json"
    words = ["--bundle", str(bundle.root), "--backend", "tensorrt", "--json", str(out)]

    assert main(["run", *words, "--source", "demo://", "--frames", "4", "--display", "none"]) == 0
    assert json.loads(out.read_text())["backend"]["name"] == "tensorrt"

    assert main(["bench", *words, "--seconds", "0.5"]) == 0
    said = json.loads(out.read_text())
    assert said["engine"]["p50_ms"] == pytest.approx(2.5, abs=0.01)
    assert said["engine"]["p90_ms"] == pytest.approx(2.5, abs=0.01)
    assert "the engine alone on the GPU: p50 2.50" in capsys.readouterr().out


@only_10
def test_a_recorded_stone_names_the_engine_that_looked_at_it(
    tensorrt_pose, bundle: Bundle, tmp_path
):
    where = ["--source", "demo://", "--keep", str(tmp_path / "record"), "--display", "none"]
    words = ["--bundle", str(bundle.root), "--backend", "tensorrt", *where]

    assert main(["run", *words, "--frames", "60"]) == 0

    with RecordReader(tmp_path / "record") as reader:
        (digest,) = {entry.stone.setup.engine_digest for entry in reader.entries()}
    with open_backend(bundle, "tensorrt") as backend:
        assert digest == sha256(backend.engine.path)


@only_10
@pytest.mark.parametrize("verb", ["run", "bench"])
def test_a_signal_ends_a_command_that_is_building(tensorrt_pose, bundle: Bundle, verb):
    """To the process alone, as `docker stop` sends it; the build is ended with it."""
    tensorrt_pose.gpu.configure(build_s=60.0, steps=600)
    words = [verb, "--bundle", str(bundle.root), "--backend", "tensorrt", "--source", "demo://"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gemscan", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "building the int8-qdq engine" in line:
            break
    time.sleep(1.0)

    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert errors.endswith("stopped\n")


@only_10
def test_a_refused_engine_takes_part_in_the_contest_built_anew(
    tensorrt_pose, bundle: Bundle, monkeypatch, capsys
):
    import tensorrt

    open_backend(bundle, "tensorrt", "fp32").close()
    real, calls = tensorrt.Runtime.deserialize_cuda_engine, []

    def refuse_once(self, plan):
        calls.append(1)
        return real(self, plan) if len(calls) > 1 else None

    monkeypatch.setattr(tensorrt.Runtime, "deserialize_cuda_engine", refuse_once)

    assert main(["build", str(bundle.root), "--precision", "fp32"]) == 0
    assert "kept" in capsys.readouterr().out
