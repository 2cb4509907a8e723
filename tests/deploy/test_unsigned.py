"""The form of the INT8 graph for x86: the same numbers in unsigned clothes."""

from __future__ import annotations

import json
import logging
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from deploy import unsigned
from deploy.engine.forms import drop_quantization
from deploy.onnx_graph import QUANTIZE, GraphView
from deploy.unsigned import SCALES_KEY, for_this_processor, has_vnni, to_unsigned

SCALES = {"centred": 0.016, "stem": 0.05, "block": 0.06}
MAIN_SCALE = 0.04


def signed_model(*, with_scales: bool = True):
    """Stem, Relu, one identity block, pooling: signed Q/DQ by TensorRT's rules."""
    rng = np.random.default_rng(3)
    constants = {"z": np.int8(0), "mean": np.float32(127.5), "spread": np.float32(1 / 64)}
    constants |= {f"{name}.s": np.float32(scale) for name, scale in SCALES.items()}
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["float", "mean"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "spread"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["centred"], perm=[0, 3, 1, 2]),
    ]

    def pair(tensor):
        given = [f"{tensor}.s", "z"]
        nodes.append(helper.make_node("QuantizeLinear", [tensor, *given], [f"{tensor}.q"]))
        nodes.append(
            helper.make_node("DequantizeLinear", [f"{tensor}.q", *given], [f"{tensor}.dq"])
        )

    def conv(name, given, cin):
        constants[f"{name}.w"] = rng.integers(-90, 91, (8, cin, 3, 3)).astype(np.int8)
        constants[f"{name}.ws"] = rng.uniform(0.001, 0.004, 8).astype(np.float32)
        constants[f"{name}.wz"] = np.zeros(8, np.int8)
        inputs = [f"{name}.w", f"{name}.ws", f"{name}.wz"]
        nodes.append(helper.make_node("DequantizeLinear", inputs, [f"{name}.wdq"], axis=0))
        constants[f"{name}.b"] = rng.normal(0, 0.1, 8).astype(np.float32)
        inputs = [f"{given}.dq", f"{name}.wdq", f"{name}.b"]
        nodes.append(helper.make_node("Conv", inputs, [name], pads=[1] * 4, kernel_shape=[3, 3]))

    pair("centred")
    conv("c1", "centred", 3)
    nodes.append(helper.make_node("Relu", ["c1"], ["stem"]))
    pair("stem")
    conv("c2", "stem", 8)
    nodes.append(helper.make_node("Add", ["c2", "stem.dq"], ["sum"]))
    nodes.append(helper.make_node("Relu", ["sum"], ["block"]))
    pair("block")
    nodes.append(helper.make_node("GlobalAveragePool", ["block.dq"], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["logits"]))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 16, 16, 3])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 8])
    stored = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, "signed", [image], [logits], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if with_scales:
        helper.set_model_props(model, {SCALES_KEY: json.dumps({"c2": MAIN_SCALE})})
    return model


def run(model, images):
    settings = onnxruntime.SessionOptions()
    session = onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else model.SerializeToString(),
        settings,
        providers=["CPUExecutionProvider"],
    )
    return session.run(["logits"], {"image": images})[0]


def zero_points(model):
    """Zero point by quantized activation."""
    view = GraphView(model.graph)
    return {
        node.input[0]: numpy_helper.to_array(view.constants[node.input[2]])
        for node in view.of_type(QUANTIZE)
    }


@pytest.fixture
def images():
    return np.random.default_rng(4).integers(0, 256, (6, 16, 16, 3)).astype(np.uint8)


def test_zero_points_are_0_after_a_relu_and_128_elsewhere():
    model = signed_model()
    to_unsigned(model, fine=True)
    found = zero_points(model)
    assert {value.dtype for value in found.values()} == {np.dtype(np.uint8)}
    assert found == {"centred": 128, "stem": 0, "c2": 128, "block": 0}


def test_without_vnni_no_convolution_reads_a_value_above_127():
    """Two products of 255 and 127 do not fit into the 16 bits in which they are added there."""
    model = signed_model()
    to_unsigned(model, fine=False)
    assert zero_points(model) == {"stem": 0, "c2": 128, "block": 0}
    view = GraphView(model.graph)
    first, second = view.of_type("Conv")
    assert first.input[0] == "centred"
    assert view.before_quantization(second.input[0]) == "stem"
    onnx.checker.check_model(model, full_check=True)
    assert all(view.readers(name) for name in view.constants)


@pytest.mark.parametrize("fine", [False] if not has_vnni() else [False, True])
def test_the_largest_products_do_not_overflow_on_this_processor(fine):
    """White pictures and the heaviest weights, against exact arithmetic."""
    model = signed_model(with_scales=False)
    for tensor in model.graph.initializer:
        if tensor.name in ("c1.w", "c2.w"):
            heavy = np.full(numpy_helper.to_array(tensor).shape, 127, np.int8)
            tensor.CopyFrom(numpy_helper.from_array(heavy, tensor.name))
        elif tensor.name in ("c1.ws", "c2.ws"):  # the results stay within the ranges
            small = np.full(8, 2e-5, np.float32)
            tensor.CopyFrom(numpy_helper.from_array(small, tensor.name))
    white = np.full((1, 16, 16, 3), 255, np.uint8)
    expected = run(as_float(model), white)
    to_unsigned(model, fine=fine)
    assert np.abs(run(model, white) - expected).max() < SCALES["block"]


def as_float(model):
    """The same network without activations rounded: exact but for that."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    drop_quantization(copy)
    return copy


def test_never_negative_reaches_through_a_pool():
    model = signed_model(with_scales=False)
    pool = helper.make_node("MaxPool", ["stem.dq"], ["pool"], kernel_shape=[1, 1])
    again = helper.make_node("QuantizeLinear", ["pool", "stem.s", "z"], ["pool.q"])
    back = helper.make_node("DequantizeLinear", ["pool.q", "stem.s", "z"], ["pool.dq"])
    place = 1 + next(i for i, n in enumerate(model.graph.node) if "stem.dq" in n.output)
    for node in (back, again, pool):
        model.graph.node.insert(place, node)
    to_unsigned(model, fine=True)
    assert zero_points(model)["pool"] == 0


def test_the_results_are_those_of_the_signed_form_within_rounding(images):
    """One level of `block` is 0.06, and the mean of 256 values rounds far less than one level."""
    model = signed_model()
    expected = run(model, images)
    to_unsigned(model, fine=False)
    assert np.abs(run(model, images) - expected).max() < SCALES["block"] / 4


def test_without_main_branches_coarse_values_are_the_signed_ones_but_for_clipping(images):
    """Where nothing reaches the end of int8's range the two forms are the same integers."""
    model = signed_model(with_scales=False)
    dark = images // 16 + 120  # mid grey: small activations
    expected = run(model, dark)
    to_unsigned(model, fine=False)
    # The first convolution reads floats in one and rounded values in the other.
    assert run(model, dark) == pytest.approx(expected, abs=SCALES["block"] / 10)


def test_the_fine_form_halves_the_scale_after_a_relu_and_no_other():
    model = signed_model()
    to_unsigned(model, fine=True)
    view = GraphView(model.graph)
    scales = {
        node.input[0]: float(numpy_helper.to_array(view.constants[node.input[1]]))
        for node in view.of_type(QUANTIZE)
    }
    half = 127 / 255
    assert scales == pytest.approx(
        {"centred": 0.016, "stem": 0.05 * half, "c2": MAIN_SCALE, "block": 0.06 * half}
    )


def test_the_model_is_valid_and_holds_nothing_unread():
    model = signed_model()
    to_unsigned(model, fine=True)
    onnx.checker.check_model(model, full_check=True)
    view = GraphView(model.graph)
    assert all(view.readers(name) for name in view.constants)


def test_onnx_runtime_computes_it_in_integers_from_end_to_end(tmp_path):
    """What the rewrite is for: no convolution and no addition is left in float."""
    model = signed_model()
    to_unsigned(model, fine=True)
    settings = onnxruntime.SessionOptions()
    settings.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    settings.log_severity_level = 3  # it warns that the file is for this machine alone
    onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    optimized = onnx.load(str(tmp_path / "optimized.onnx"))
    kinds = [node.op_type for node in optimized.graph.node]
    assert kinds.count("QLinearConv") == 2
    assert kinds.count("QLinearAdd") == 1
    assert not {"Conv", "FusedConv", "Relu", "Add"} & set(kinds)


def test_an_unsigned_model_is_left_as_it_is():
    model = signed_model()
    to_unsigned(model, fine=True)
    del model.metadata_props[:]
    before = model.SerializeToString()
    to_unsigned(model, fine=True)
    assert model.SerializeToString() == before


@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
def test_x86_opens_the_rewritten_bytes(machine, tmp_path, monkeypatch, images):
    onnx.save(signed_model(), str(tmp_path / "m.onnx"))
    monkeypatch.setattr(unsigned.platform, "machine", lambda: machine)
    opened = for_this_processor(tmp_path / "m.onnx")
    assert isinstance(opened, bytes)
    assert run(opened, images) == pytest.approx(run(signed_model(), images), abs=0.02)


def test_arm_opens_the_file_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(unsigned.platform, "machine", lambda: "aarch64")
    assert for_this_processor(tmp_path / "m.onnx") == str(tmp_path / "m.onnx")


def test_without_onnx_the_file_is_opened_as_it_is_and_one_sentence_says_so(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(unsigned.platform, "machine", lambda: "x86_64")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with caplog.at_level(logging.WARNING):
        assert for_this_processor(tmp_path / "m.onnx") == str(tmp_path / "m.onnx")
    assert [record.getMessage() for record in caplog.records] == [
        "INT8 is several times slower on this processor without onnx: pip install onnx"
    ]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx512_vnni sse", True), ("fpu avx_vnni", True), ("fpu avx2 sse", False)],
)
def test_vnni_is_read_from_the_processors_flags(flags, expected, tmp_path):
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    assert has_vnni(tmp_path / "cpuinfo") is expected


def test_without_a_list_of_flags_vnni_is_not_assumed(tmp_path):
    assert has_vnni(tmp_path / "absent") is False
