"""The fake TensorRT opens and describes engines by the rules of the real one."""

from __future__ import annotations

import json

import pytest

from tests.fakes import bench, net
from tests.fakes.bench import Bench, opened

BROKEN = {
    "cut short": (lambda plan: plan[:-40], "Size specified in header does not match"),
    "garbage": (lambda plan: b"rubbish" * 20, "Magic tag does not match"),
    "empty": (lambda plan: b"", "Magic tag does not match"),
    "one bit wrong": (lambda plan: plan[:-50] + bytes([plan[-50] ^ 1]) + plan[-49:], "Checksum"),
}


@pytest.mark.parametrize(("spoil", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plan_is_none_and_a_line_in_the_log(tensorrt_pose, spoil, words):
    engine, log = opened(spoil(bench.plan()))

    assert engine is None
    assert words in log.errors()


def test_another_versions_plan_is_refused(tensorrt_pose):
    plan = bench.plan()
    version = bench.tensorrt().__version__.encode()
    header, older = plan.index(version), b"9" * len(version)
    from tensorrt import _plan

    body = plan[:header] + older + plan[header + len(version) : -32]
    engine, log = opened(body + _plan.hashlib.sha256(body).digest())

    assert engine is None
    assert "Version tag does not match" in log.errors()


def test_another_gpus_plan_is_refused(tensorrt_pose):
    plan = bench.plan()
    tensorrt_pose.gpu.configure(compute_capability="8.6")
    engine, log = opened(plan)

    assert engine is None
    assert "expecting compute 8.6 got compute 8.7, please rebuild" in log.errors()


def test_a_plan_of_another_model_of_the_same_generation_is_warned_of(tensorrt_pose):
    plan = bench.plan()
    tensorrt_pose.gpu.configure(name="Fake Orin Nano")
    engine, log = opened(plan)

    assert engine is not None
    assert "different models of devices" in dict(log.said)["WARNING"]


def test_an_engine_that_does_not_fit_is_none(tensorrt_pose):
    plan = bench.plan()
    tensorrt_pose.gpu.configure(free_mb=0)
    engine, log = opened(plan)

    assert engine is None
    assert "OutOfMemory" in log.errors()


def test_a_context_that_does_not_fit_is_none(tensorrt_pose):
    engine, log = opened(bench.plan())
    tensorrt_pose.gpu.configure(free_mb=1)

    assert engine.create_execution_context() is None
    assert "OutOfMemory" in log.errors()


def test_an_engine_and_its_context_hold_memory_while_they_live(tensorrt_pose):
    engine, _ = opened(bench.plan())
    context = engine.create_execution_context()
    assert len(tensorrt_pose.gpu.left_over()) == 2

    del context, engine
    assert tensorrt_pose.gpu.left_over() == []


def test_an_engine_tells_its_inputs_and_outputs(tensorrt_pose):
    trt = bench.tensorrt()
    engine, log = opened(bench.plan())
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]

    assert names == ["image", "logits", "embedding"]
    assert engine.get_tensor_mode("image") == trt.TensorIOMode.INPUT
    assert engine.get_tensor_mode("logits") == trt.TensorIOMode.OUTPUT
    assert engine.get_tensor_dtype("image") == trt.DataType.UINT8
    assert tuple(engine.get_tensor_shape("logits")) == (-1, 5)
    assert [tuple(d) for d in engine.get_tensor_profile_shape("image", 0)] == [net.SHAPE] * 3
    engine.get_tensor_shape("nothing")
    assert "invalid tensor name: nothing" in log.errors()


def told(onnx, *flags, verbosity="DETAILED"):
    trt = bench.tensorrt()
    made = Bench(onnx).allow(*flags)
    made.config.profiling_verbosity = getattr(trt.ProfilingVerbosity, verbosity)
    engine, _ = opened(made.build())
    inspector = engine.create_engine_inspector()
    return json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def test_the_inspector_tells_which_layers_were_fused(tensorrt_pose):
    layers = told(net.quantized_model(), "INT8")["Layers"]
    by_name = {layer["Name"]: layer for layer in layers}

    assert "conv1 + relu1" in by_name
    assert by_name["conv2 + add + relu2"]["LayerType"] == "CaskConvolution"
    assert "[ONNX Layer: add]" in by_name["conv2 + add + relu2"]["Metadata"]


def test_the_inspector_tells_the_types(tensorrt_pose):
    layers = {layer["Name"]: layer for layer in told(net.quantized_model(), "INT8")["Layers"]}
    first, second = layers["conv1 + relu1"], layers["conv2 + add + relu2"]
    new = tensorrt_pose.version == "11.4"
    key = "DataType" if new else "Format/Datatype"

    assert "Int8" in second["Inputs"][0][key]
    assert "Int8" not in first["Inputs"][0][key]
    assert ("Format/Datatype" in first["Inputs"][0]) != new


def test_the_inspector_tells_the_inputs_and_outputs(tensorrt_pose):
    information = told(net.float_model())
    if tensorrt_pose.version == "11.4":
        assert information["I/O Tensors"][0]["Name"] == "image"
    else:
        assert information["Bindings"] == ["image", "logits", "embedding"]


def test_without_details_there_are_names_alone(tensorrt_pose):
    layers = told(net.float_model(), verbosity="LAYER_NAMES_ONLY")["Layers"]

    assert "conv1 + relu1" in layers
    assert told(net.float_model(), verbosity="NONE")["Layers"] == []
