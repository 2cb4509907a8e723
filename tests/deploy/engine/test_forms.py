"""The forms of a bundle's models that a TensorRT build takes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from calibration.rules import check_rules
from deploy.bundle import Bundle
from deploy.engine.forms import float_model, model_for, spell_out_weights
from deploy.engine.recipe import FP16, FP32, INT8_CALIBRATOR, INT8_QDQ
from deploy.errors import BundleError
from tests.nets import drawn_squares, write_float_bundle

QDQ = ("QuantizeLinear", "DequantizeLinear")


def run(model: bytes, output: str = "logits"):
    """One output for the drawn squares, one by one, computed as the file says."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    squares = drawn_squares()[:, None]
    return np.concatenate([session.run([output], {"image": square})[0] for square in squares])


def kinds_of(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


def face(model: bytes):
    """Name, type and shape of every input and output."""
    graph = onnx.load_from_string(model).graph
    return [(value.name, value.type.tensor_type) for value in (*graph.input, *graph.output)]


def digests(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_spelt_out_weights_change_no_bit_of_the_answer(bundle: Bundle):
    stored, spelt = bundle.model("int8").read_bytes(), model_for(bundle, INT8_QDQ)

    for output in ("logits", "embedding"):
        np.testing.assert_array_equal(run(spelt, output), run(stored, output))
    assert kinds_of(spelt).count("QuantizeLinear") > kinds_of(stored).count("QuantizeLinear")


def test_the_spelt_out_form_has_float_weights_alone_and_keeps_tensorrts_rules(bundle: Bundle):
    model = onnx.load_from_string(model_for(bundle, INT8_QDQ))
    onnx.checker.check_model(model, full_check=True)

    large = [t for t in model.graph.initializer if len(t.dims) > 1]
    assert large
    assert {tensor.data_type for tensor in large} == {TensorProto.FLOAT}
    assert check_rules(model) == []
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)


def lone_weight(values, scales, axis: int) -> onnx.ModelProto:
    """A stored INT8 weight behind a DequantizeLinear, as a bundle keeps it."""
    stored = [
        numpy_helper.from_array(values, "w"),
        numpy_helper.from_array(scales, "s"),
        numpy_helper.from_array(np.zeros(scales.shape, np.int8), "z"),
    ]
    node = helper.make_node("DequantizeLinear", ["w", "s", "z"], ["y"], name="y", axis=axis)
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, list(values.shape))
    graph = helper.make_graph([node], "lone", [], [out], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    "scales",
    [np.float32([1e-30, 3e-9, 0.0123456, 1, 7.7, 65504, 1e30, 2.5e36]), np.float32(0.0371)],
    ids=["per-channel", "per-tensor"],
)
def test_every_int8_weight_comes_back_exactly_however_small_or_large_its_scale(scales, axis):
    row = np.arange(-128, 128).astype(np.int8)
    values = np.tile(row, (8, 1)) if axis == 0 else np.tile(row[:, None], (1, 8))
    model = lone_weight(values, scales, axis)
    spell_out_weights(model)
    made = next(node for node in model.graph.node if node.op_type == "QuantizeLinear").output[0]
    model.graph.output.append(helper.make_tensor_value_info(made, TensorProto.INT8, values.shape))

    session = onnxruntime.InferenceSession(model.SerializeToString())

    np.testing.assert_array_equal(session.run([made], {})[0], values)


def test_the_float_form_of_int8_alone_has_no_qdq_and_stays_near_float32(
    bundle: Bundle, int8_only: Bundle
):
    """`bundle` is the same folder, whose float32 model is gone by now; its twin has it still."""
    twin = write_float_bundle(int8_only.root.with_name("twin"))
    expected = run(twin.model("fp32").read_bytes())

    found = float_model(int8_only)

    assert not set(kinds_of(found)) & set(QDQ)
    onnx.checker.check_model(onnx.load_from_string(found), full_check=True)
    # A weight is off by at most half a step, 1/254 of its channel's largest, at random.
    assert np.abs(run(found) - expected).max() < 0.03 * np.abs(expected).max()
    assert not np.array_equal(run(found), expected)


def test_where_float32_is_there_the_float_form_is_that(bundle: Bundle):
    np.testing.assert_array_equal(run(float_model(bundle)), run(bundle.model("fp32").read_bytes()))
    for recipe in (FP32, FP16, INT8_CALIBRATOR):
        assert not set(kinds_of(model_for(bundle, recipe))) & set(QDQ)


def test_qdq_of_a_bundle_without_int8_is_refused(tmp_path: Path):
    with pytest.raises(BundleError, match="gemscan calibrate"):
        model_for(write_float_bundle(tmp_path / "floating"), INT8_QDQ)


@pytest.mark.parametrize("which", ["bundle", "int8_only"])
def test_the_half_form_is_valid_keeps_its_face_and_stays_near(which, request):
    bundle: Bundle = request.getfixturevalue(which)
    single, half = model_for(bundle, FP16), model_for(bundle, FP16, half=True)
    model = onnx.load_from_string(half)

    onnx.checker.check_model(model, full_check=True)
    assert face(half) == face(single)
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    expected = run(single)
    assert np.abs(run(half) - expected).max() < 0.01 * np.abs(expected).max()


def test_the_half_form_computes_in_float16_from_the_first_conv_on(bundle: Bundle):
    """On TensorRT 11 nothing else would make it fast."""
    model = onnx.load_from_string(model_for(bundle, FP16, half=True))
    typed = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    types = {value.name: value.type.tensor_type.elem_type for value in typed.graph.value_info}
    weights = {t.name: t.data_type for t in model.graph.initializer}

    convs = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    assert {types[node.output[0]] for node in convs} == {TensorProto.FLOAT16}
    assert {weights[n] for node in convs for n in node.input[1:]} == {TensorProto.FLOAT16}
    assert weights["mean"] == weights["scale"] == TensorProto.FLOAT


def test_no_form_touches_the_bundles_files(bundle: Bundle):
    before = digests(bundle.root)

    for recipe in (INT8_QDQ, INT8_CALIBRATOR, FP16, FP32):
        model_for(bundle, recipe, half=recipe is FP16)
    float_model(bundle)

    assert digests(bundle.root) == before
