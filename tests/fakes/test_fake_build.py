"""The fake TensorRT parses and builds by the rules of the real one. Each test is one rule."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.fakes import bench, net
from tests.fakes.bench import Bench


def is_8(pose):
    return pose.version.startswith("8.")


# ---- versions and shapes ----------------------------------------------------------------


def test_the_version_is_the_recorded_one(tensorrt_pose):
    versions = {"8.6": "8.6.1", "10.3": "10.3.0", "10.16": "10.16.1.11", "11.4": "11.4.0.106"}

    assert bench.tensorrt().__version__ == versions[tensorrt_pose.version]


@pytest.mark.parametrize("tensorrt_pose", ["9.9"], indirect=True)
def test_a_version_that_was_not_recorded_is_refused(tensorrt_pose):
    with pytest.raises(ImportError, match=r"'9.9'; it must name one of 10.0.1"):
        bench.tensorrt()


def test_what_a_version_lacks_is_absent(tensorrt_pose):
    trt = bench.tensorrt()
    config = trt.Builder(bench.new_log()).create_builder_config()
    seven = tensorrt_pose.version == "11.4"

    assert hasattr(trt.BuilderFlag, "INT8") == (not seven)
    assert hasattr(trt, "IInt8EntropyCalibrator2") == (not seven)
    assert hasattr(trt, "IProgressMonitor") == (not is_8(tensorrt_pose))
    assert hasattr(config, "progress_monitor") == (not is_8(tensorrt_pose))
    assert hasattr(trt.ICudaEngine, "device_memory_size") == (not seven)
    with pytest.raises(AttributeError):
        config.max_workspace_sise = 1


def test_arguments_that_a_version_does_not_take_are_refused(tensorrt_pose):
    trt = bench.tensorrt()
    config = trt.Builder(bench.new_log()).create_builder_config()
    for wrong in (
        lambda: config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1.5),
        lambda: config.set_memory_pool_limit(pool=trt.MemoryPoolType.WORKSPACE, size=1),
        lambda: config.set_flag("TF32"),
        lambda: config.set_timing_cache(None, False),
        lambda: trt.OnnxParser(None, bench.new_log()),
        lambda: trt.IBuilderConfig(),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_shapes_compare_with_tuples_alone(tensorrt_pose):
    trt = bench.tensorrt()
    shape = trt.Dims((1, 2))

    assert shape == (1, 2)
    assert tuple(shape) == (1, 2)
    for other in (trt.Dims((1, 2)), None):
        with pytest.raises(TypeError):
            assert shape == other
    with pytest.raises(TypeError):
        hash(shape)


def test_a_flag_is_shifted_by_its_number_alone(tensorrt_pose):
    flag = bench.tensorrt().BuilderFlag.TF32

    assert 1 << int(flag) > 0
    with pytest.raises(TypeError):
        1 << flag
    assert flag != int(flag)


def test_severities_have_an_order(tensorrt_pose):
    severity = bench.tensorrt().Logger.Severity

    assert severity.INTERNAL_ERROR < severity.ERROR < severity.WARNING < severity.INFO
    assert [int(severity.INTERNAL_ERROR), int(severity.VERBOSE)] == [0, 4]


@pytest.mark.parametrize(
    "base", ["ILogger", "IProfiler", "IProgressMonitor", "IInt8EntropyCalibrator2"]
)
def test_a_subclass_must_initialise_its_base(tensorrt_pose, base):
    cls = getattr(bench.tensorrt(), base, None)
    if cls is None:
        pytest.skip(f"TensorRT {tensorrt_pose.version} has no {base}")

    class Mine(cls):
        def __init__(self):
            pass

    with pytest.raises(TypeError, match="must be called when overriding __init__"):
        Mine()


@pytest.mark.parametrize(
    "settings", [{"cuda": "absent"}, {"cuda": "broken"}, {"tensorrt": "broken"}]
)
def test_where_cuda_cannot_start_the_reason_is_in_the_log_alone(tensorrt_pose, settings):
    tensorrt_pose.gpu.configure(**settings)
    trt, log = bench.tensorrt(), bench.new_log()
    for kind in (trt.Builder, trt.Runtime):
        with pytest.raises(TypeError, match="factory function returned nullptr"):
            kind(log)
    assert "CUDA initialization failure" in log.errors()


# ---- the parser -------------------------------------------------------------------------


def test_a_network_has_the_inputs_and_outputs_of_its_file(tensorrt_pose):
    made = Bench(net.float_model())
    trt, network = made.trt, made.network
    image = network.get_input(0)

    assert made.parsed
    assert (image.name, tuple(image.shape), image.dtype) == ("image", (-1, 8, 8, 3), trt.uint8)
    outputs = [network.get_output(i) for i in range(network.num_outputs)]
    assert [o.name for o in outputs] == ["logits", "embedding"]
    assert [tuple(o.shape) for o in outputs] == [(-1, 5), (-1, 4)]
    image.shape = (2, 8, 8, 3)
    assert tuple(network.get_output(0).shape) == (2, 5)
    assert "conv1" in [network.get_layer(i).name for i in range(network.num_layers)]


BAD = {
    "garbage": (b"not an ONNX file", "Failed to parse the ONNX model"),
    "no bytes": (b"", "Failed to parse the ONNX model"),
    "a zero point": (net.quantized_model(zero_point=np.int8(3)), "only supports symmetric"),
    "a scale of 0": (net.quantized_model(scale=0.0), "Scale coefficients must all be positive"),
    "a scale below 0": (net.quantized_model(scale=-1.0), "Scale coefficients must all be positive"),
}


@pytest.mark.parametrize(("onnx", "words"), BAD.values(), ids=BAD.keys())
def test_a_file_that_the_parser_refuses_is_an_error_to_be_asked_for(tensorrt_pose, onnx, words):
    made = Bench(onnx, shape=None)

    assert not made.parsed
    assert made.parser.num_errors == 1
    error = made.parser.get_error(0)
    assert words in error.desc()
    assert error.code() != made.trt.ErrorCode.SUCCESS
    assert made.build() is None


def test_version_8_wants_a_zero_point(tensorrt_pose):
    assert Bench(net.quantized_model(inputs=2)).parsed == (not is_8(tensorrt_pose))


def test_version_8_reads_bytes_as_floats_alone(tensorrt_pose):
    nodes = net.nodes()
    nodes[0].attribute[0].i = 6  # INT32
    nodes.insert(1, net.node("Cast", ["whole"], "float", to=1))
    nodes[0].output[0] = "whole"
    made = Bench(net.model_of(nodes, net.weights()))

    assert made.parsed == (not is_8(tensorrt_pose))


def test_a_good_file_is_parsed_from_disk_too(tensorrt_pose, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(net.quantized_model())
    made = Bench(b"", shape=None)

    assert made.parser.parse_from_file(str(path))
    assert not made.parser.parse_from_file(str(tmp_path / "none.onnx"))


# ---- building ---------------------------------------------------------------------------


def test_a_plan_is_a_buffer_and_little_else(tensorrt_pose):
    made = Bench(net.float_model()).build()

    assert made.nbytes == len(bytes(memoryview(made)))
    for wrong in (lambda: made[0], lambda: len(made), lambda: made.decode()):
        with pytest.raises((TypeError, AttributeError)):
            wrong()


def test_an_open_batch_needs_a_profile(tensorrt_pose):
    made = Bench(net.float_model(), shape=None)

    assert made.build() is None
    assert "no optimization profile has been defined" in made.log.errors()


def test_a_fixed_batch_needs_none(tensorrt_pose):
    assert Bench(net.float_model(batch=1), shape=None).build() is not None


def test_a_network_without_a_file_is_not_built(tensorrt_pose):
    made = Bench(b"", shape=None)

    assert made.build() is None
    assert "at least one output" in made.log.errors()


def test_quantized_files_need_the_int8_flag_where_typing_is_weak(tensorrt_pose):
    made = Bench(net.quantized_model())
    built = made.build()

    assert (built is not None) == (tensorrt_pose.version == "11.4")
    if built is None:
        assert "int8 is not configured in the builder" in made.log.errors()
    assert Bench(net.quantized_model()).allow("INT8", "FP16").build() is not None


@pytest.mark.parametrize("tensorrt_pose", ["10.3", "10.16"], indirect=True)
def test_strongly_typed_networks_take_no_precision_flags(tensorrt_pose):
    made = Bench(net.quantized_model(), typed=True)
    assert made.build() is not None
    assert made.allow("FP16").build() is None
    assert "strongly typed" in made.log.errors()


@pytest.mark.parametrize("tensorrt_pose", ["8.6"], indirect=True)
def test_version_8_wants_an_explicit_batch(tensorrt_pose):
    made = Bench(b"", shape=None)
    network = made.builder.create_network()
    assert made.trt.OnnxParser(network, made.log).parse(net.float_model(batch=1))

    assert made.builder.build_serialized_network(network, made.config) is None
    assert "EXPLICIT_BATCH" in made.log.errors()


def test_bytes_are_read_by_a_cast_alone(tensorrt_pose):
    nodes = net.nodes()
    cast, turn = nodes[0], nodes[1]
    turn.input[0], cast.input[0] = "image", "nchw_bytes"
    turn.output[0], cast.output[0] = "nchw_bytes", "nchw"
    made = Bench(net.model_of([turn, cast, *nodes[2:]], net.weights()))

    assert made.parsed
    assert made.build() is None
    assert "cannot read type UINT8" in made.log.errors()


def test_a_build_fails_where_the_settings_say_so(tensorrt_pose):
    tensorrt_pose.gpu.configure(fail="Error Code 10: Internal Error (Could not find any tactic.)")
    made = Bench(net.float_model())

    assert made.build() is None
    assert "Could not find any tactic" in made.log.errors()


@pytest.mark.parametrize(("how", "code"), [("kill", -9), ("abort", -6), ("segfault", -11)])
@pytest.mark.parametrize("tensorrt_pose", ["8.6"], indirect=True)
def test_a_build_dies_where_the_settings_say_so(tensorrt_pose, how, code):
    tensorrt_pose.gpu.configure(crash=how)
    text = "from tests.fakes import bench; bench.plan()"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, check=False)

    assert done.returncode == code


# ---- progress ---------------------------------------------------------------------------


def monitor_of(trt, stop_at=None):
    class Monitor(trt.IProgressMonitor):
        def __init__(self):
            trt.IProgressMonitor.__init__(self)
            self.heard = []

        def phase_start(self, phase_name, parent_phase, num_steps):
            self.heard.append(("start", phase_name, parent_phase, num_steps))

        def step_complete(self, phase_name, step):
            self.heard.append(("step", step))
            return step != stop_at

        def phase_finish(self, phase_name):
            self.heard.append(("finish", phase_name))

    return Monitor()


WITH_MONITOR = pytest.mark.parametrize("tensorrt_pose", ["10.3", "10.16", "11.4"], indirect=True)


@WITH_MONITOR
def test_a_monitor_hears_every_phase_and_step(tensorrt_pose):
    tensorrt_pose.gpu.configure(steps=3)
    made = Bench(net.float_model())
    made.config.progress_monitor = monitor = monitor_of(made.trt)
    made.build()

    assert monitor.heard == [
        ("start", "Building engine", None, 3),
        ("start", "Tactic selection", "Building engine", 3),
        *[("step", step) for step in range(3)],
        ("finish", "Tactic selection"),
        ("finish", "Building engine"),
    ]


@WITH_MONITOR
def test_a_monitor_that_says_false_ends_the_build(tensorrt_pose):
    made = Bench(net.float_model())
    made.config.progress_monitor = monitor = monitor_of(made.trt, stop_at=1)

    assert made.build() is None
    assert [heard for heard in monitor.heard if heard[0] == "step"] == [("step", 0), ("step", 1)]
    assert made.log.errors() == ""


# ---- timing caches ----------------------------------------------------------------------


def test_a_timing_cache_serves_the_device_it_was_made_on(tensorrt_pose):
    made = Bench(net.float_model())
    assert made.config.set_timing_cache(made.config.create_timing_cache(b""), False)
    made.build()
    kept = bytes(memoryview(made.config.get_timing_cache().serialize()))

    again = Bench(net.float_model()).config
    assert again.set_timing_cache(again.create_timing_cache(kept), False)
    tensorrt_pose.gpu.configure(name="Fake Thor")
    other = Bench(net.float_model()).config
    cache = other.create_timing_cache(kept)
    assert not other.set_timing_cache(cache, False)
    assert other.set_timing_cache(cache, True)


def test_bytes_that_are_no_timing_cache_make_none(tensorrt_pose):
    made = Bench(net.float_model())

    assert made.config.create_timing_cache(b"rubbish") is None
    assert "Magic tag does not match" in made.log.errors()
