"""The fake TensorRT's values and parser keep the rules of the real ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import bench, net
from tests.fakes.bench import Bench


def is_8(pose):
    return pose.version.startswith("8.")


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
