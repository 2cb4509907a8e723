"""The Q/DQ graph: where the pairs stand, and that the network still says the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from calibration.quantize import quantize, tensors_to_measure
from calibration.ranges import measure_ranges
from calibration.residual import main_and_shortcut, residual_adds
from calibration.rules import check_rules
from deploy.onnx_graph import DEQUANTIZE, QUANTIZE, GraphView

CONVS = 1 + 4 + 3 + 4
# The stem's input; before and behind the pool; two inside each block; three block outputs, of
# which b1's and b2's are shortcuts or inputs of Convs and b3's goes to the pooling; two
# downsampling shortcuts.
QUANTIZED = {
    "transpose",
    "stem.r",
    "pool",
    *("b1.r1", "b1.r2", "b2.r1", "b2.r2", "b3.r1", "b3.r2"),
    *("b1.out", "b2.out", "b3.out"),
    *("b1.down", "b3.down"),
}


def run(model: bytes, squares: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    logits: np.ndarray[Any, Any] = session.run(["logits"], {"image": squares})[0]
    return logits


@pytest.fixture
def quantized(int8_bytes: bytes) -> Any:
    return onnx.load_from_string(int8_bytes)


def test_every_tensor_that_should_be_quantized_is_and_no_other(quantized):
    view = GraphView(quantized.graph)
    assert {node.input[0] for node in view.of_type(QUANTIZE)} == QUANTIZED


def test_each_activation_and_each_weight_has_one_dequantize_linear(quantized):
    view = GraphView(quantized.graph)
    assert len(view.of_type(DEQUANTIZE)) == len(QUANTIZED) + CONVS


def test_the_graph_obeys_every_rule(quantized):
    assert check_rules(quantized) == []


def test_the_opset_and_the_face_stay(quantized):
    assert [(used.domain, used.version) for used in quantized.opset_import] == [("", 17)]
    assert [tensor.name for tensor in quantized.graph.input] == ["image"]
    assert [tensor.name for tensor in quantized.graph.output] == ["logits", "embedding"]


def test_weights_are_stored_as_int8_and_biases_as_float(quantized):
    constants = GraphView(quantized.graph).constants
    kinds = {constant.data_type for constant in constants.values() if len(constant.dims) == 4} - {
        onnx.TensorProto.FLOAT
    }
    assert kinds == {onnx.TensorProto.INT8}
    assert constants["b1.c1.b"].data_type == onnx.TensorProto.FLOAT


def test_every_residual_add_reads_its_main_branch_in_float(quantized):
    view = GraphView(quantized.graph)
    for add in residual_adds(view):
        main, shortcut = main_and_shortcut(view, add)
        assert view.made_by(add.input[main], "Conv")
        assert add.input[main].endswith("c3")
        assert view.made_by(add.input[shortcut], DEQUANTIZE)


def test_an_identity_shortcut_shares_the_pair_of_the_next_conv(quantized):
    view = GraphView(quantized.graph)
    adds = {add.name: add for add in residual_adds(view)}
    shortcut = adds["b2.add"].input[1]
    assert {node.name for node in view.readers(shortcut)} == {"b2.c1", "b2.add"}


def test_the_pool_has_one_scale_on_both_sides(quantized):
    view = GraphView(quantized.graph)
    values = {
        node.input[0]: onnx.numpy_helper.to_array(view.constants[node.input[1]])
        for node in view.of_type(QUANTIZE)
    }
    assert values["stem.r"] == values["pool"]


def test_the_input_stage_may_add_a_constant(model_path, squares):
    """A mean that is added, not subtracted, is no residual and stays in float."""
    model = onnx.load(str(model_path))
    for node in model.graph.node:
        if node.op_type == "Sub":
            node.op_type = "Add"
    onnx.save(model, str(model_path))
    quantized = quantize(model_path, measure_ranges(model_path, [squares], "minmax"))
    assert check_rules(quantized) == []
    assert not {"cast", "sub"} & {n.input[0] for n in GraphView(quantized.graph).of_type(QUANTIZE)}


@pytest.mark.parametrize("method", ["percentile", "minmax"])
def test_logits_stay_close_to_float32(method, model_path, squares):
    ranges = measure_ranges(model_path, [squares[:4], squares[4:]], method, threads=1)
    expected = run(model_path.read_bytes(), squares)
    found = run(quantize(model_path, ranges).SerializeToString(), squares)
    assert np.array_equal(found.argmax(1), expected.argmax(1))
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()  # seen: 0.013, 0.007


@pytest.mark.parametrize("method", ["percentile", "minmax"])
def test_every_tensor_to_quantize_is_measured(method, model_path, squares):
    ranges = measure_ranges(model_path, [squares], method)
    assert set(ranges) == tensors_to_measure(onnx.load(str(model_path)))
    assert all(low <= 0 <= high and low < high for low, high in ranges.values())


def test_entropy_is_not_minmax_under_another_name(model_path, squares):
    """Only the stem: the search takes about a second a tensor."""
    stem = model_path.with_name("stem.onnx")
    onnx.utils.extract_model(str(model_path), str(stem), ["image"], ["pool"])
    wide = measure_ranges(stem, [squares], "minmax")
    narrow = measure_ranges(stem, [squares[:6], squares[6:]], "entropy", threads=1)
    assert set(narrow) == set(wide) == {"transpose", "stem.r", "pool"}
    assert 0 < narrow["stem.r"][1] < 0.95 * wide["stem.r"][1]


def test_a_percentile_cuts_off_what_minmax_keeps(model_path, squares):
    wide = measure_ranges(model_path, [squares], "minmax")
    narrow = measure_ranges(model_path, [squares], "percentile")
    assert all(narrow[name][1] <= wide[name][1] * 1.001 for name in wide)
    assert any(narrow[name][1] < wide[name][1] * 0.9 for name in wide)


def test_a_percentile_leaves_out_one_value_of_ten_thousand(model_path, squares):
    """Of the last block's output, of which there are enough values to tell 99.99 from 99.9."""
    model = onnx.load(str(model_path))
    model.graph.output.append(onnx.ValueInfoProto(name="b3.out"))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    values = np.abs(session.run(["b3.out"], {"image": squares})[0])
    bin_width = float(values.max()) / 2048

    low, high = measure_ranges(model_path, [squares], "percentile")["b3.out"]

    assert low == 0  # it comes from a Relu
    assert high == pytest.approx(np.percentile(values, 99.99), abs=2 * bin_width)
    assert high > np.percentile(values, 99.9) + 100 * bin_width


def test_pictures_a_few_at_a_time_give_the_ranges_of_all_at_once(model_path, squares):
    whole = measure_ranges(model_path, [squares], "minmax")
    parts = measure_ranges(model_path, [squares[:5], squares[5:]], "minmax")
    assert set(whole) == set(parts)
    assert all(whole[name] == pytest.approx(parts[name], rel=1e-5) for name in whole)


def test_a_tensor_that_is_always_zero_gets_a_scale_all_the_same(model_path, squares):
    model = onnx.load(str(model_path))
    for constant in model.graph.initializer:
        if constant.name in ("b2.c3.w", "b2.c3.b"):
            zeros = np.zeros(tuple(constant.dims), np.float32)
            constant.CopyFrom(onnx.numpy_helper.from_array(zeros, constant.name))
    onnx.save(model, str(model_path))
    quantized = quantize(model_path, measure_ranges(model_path, [squares], "percentile"))
    assert check_rules(quantized) == []
    assert np.isfinite(run(quantized.SerializeToString(), squares)).all()


def test_calibrators_print_nothing(model_path, squares, capsys):
    measure_ranges(model_path, [squares], "percentile")
    assert capsys.readouterr().out == ""
