"""Each rule is broken once in a right graph, and the breach is named."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from calibration.rules import RulesError, check_rules, prove_rules
from deploy.onnx_graph import DEQUANTIZE, GraphView


@pytest.fixture
def model(int8_bytes):
    return onnx.load_from_string(int8_bytes)


def node_named(model, name):
    return next(node for node in model.graph.node if node.name == name)


def pair_of(model, tensor):
    """The Q and the DQ node of an activation."""
    view = GraphView(model.graph)
    (q,) = [node for node in view.readers(tensor) if node.op_type == "QuantizeLinear"]
    (dq,) = view.readers(q.output[0])
    return q, dq


def weight_dq(model, conv):
    return GraphView(model.graph).maker(node_named(model, conv).input[1])


def store(model, name, value):
    """Put another value under the name of a stored tensor, or a new one."""
    for constant in [t for t in model.graph.initializer if t.name == name]:
        model.graph.initializer.remove(constant)
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def add_pair(model, tensor, reader):
    """Quantize one more tensor for one of its readers."""
    scale = store(model, "extra.s", np.float32(0.1))
    zero = store(model, "extra.z", np.int8(0))
    place = list(model.graph.node).index(node_named(model, reader))
    q = helper.make_node("QuantizeLinear", [tensor, scale, zero], ["extra.q"], name="extra.q")
    dq = helper.make_node("DequantizeLinear", ["extra.q", scale, zero], ["extra"], name="extra")
    model.graph.node.insert(place, dq)
    model.graph.node.insert(place, q)
    node = node_named(model, reader)
    node.input[list(node.input).index(tensor)] = "extra"


def breach(model):
    """The breaches as one text."""
    return "\n".join(check_rules(model))


def test_the_right_graph_has_no_breach(model):
    assert check_rules(model) == []
    prove_rules(model)


def test_a_breach_raises_one_error_that_lists_it(model):
    model.opset_import[0].version = 18
    with pytest.raises(RulesError, match="opset is 18"):
        prove_rules(model)


def test_reduce_mean_with_axes_as_an_input(model):
    axes = store(model, "axes", np.array([2, 3], np.int64))
    gap = node_named(model, "gap")
    gap.op_type = "ReduceMean"
    gap.input.append(axes)
    assert "gap has its axes as an input" in breach(model)


@pytest.mark.parametrize("op_type", ["QLinearConv", "ConvInteger", "DynamicQuantizeLinear"])
def test_an_operator_that_tensorrt_does_not_know(model, op_type):
    node_named(model, "mul").op_type = op_type
    assert f"mul is a {op_type}" in breach(model)


def test_something_else_than_a_cast_reads_the_picture(model):
    node_named(model, "transpose").input[0] = "image"
    assert "transpose reads the uint8 input" in breach(model)


def test_the_cast_gives_something_else_than_float(model):
    node_named(model, "cast").attribute[0].i = onnx.TensorProto.INT32
    assert "cast casts the uint8 input image to another type" in breach(model)


def test_a_pair_without_zero_point(model):
    q, _ = pair_of(model, "b1.r1")
    del q.input[2]
    assert f"{q.name} has no zero point" in breach(model)


def test_an_unsigned_zero_point(model):
    _, dq = pair_of(model, "b1.r1")
    dq.input[2] = store(model, "u8", np.uint8(0))
    assert f"{dq.name} has a zero point that is not INT8" in breach(model)


def test_a_zero_point_other_than_zero(model):
    q, _ = pair_of(model, "b1.r1")
    q.input[2] = store(model, "three", np.int8(3))
    assert f"{q.name} has a zero point other than 0" in breach(model)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_scale(model, scale):
    q, _ = pair_of(model, "b1.r1")
    q.input[1] = store(model, "odd", np.float32(scale))
    assert f"{q.name} has a scale that is not a finite float above 0" in breach(model)


def test_a_scale_that_is_computed(model):
    q, _ = pair_of(model, "b1.r1")
    q.input[1] = "mul"
    assert f"{q.name} has a scale or a zero point that is not stored" in breach(model)


def test_fewer_zero_points_than_scales(model):
    dq = weight_dq(model, "b1.c1")
    dq.input[2] = store(model, "one", np.zeros(1, np.int8))
    assert f"{dq.name} has 8 scales and 1 zero points" in breach(model)


def test_a_weight_with_one_scale_for_all_channels(model):
    dq = weight_dq(model, "b1.c1")
    dq.input[1] = store(model, "one.s", np.float32([0.1]))
    dq.input[2] = store(model, "one.z", np.zeros(1, np.int8))
    assert "one scale for each of the 8 output channels" in breach(model)


def test_a_weight_along_another_axis(model):
    dq = weight_dq(model, "b1.c1")
    next(a for a in dq.attribute if a.name == "axis").i = 1
    assert f"{dq.name} does not have one scale for each" in breach(model)


def test_an_activation_with_a_scale_per_channel(model):
    q, _ = pair_of(model, "b1.r1")
    q.input[1] = store(model, "many.s", np.full(8, 0.1, np.float32))
    q.input[2] = store(model, "many.z", np.zeros(8, np.int8))
    assert f"{q.name} has 8 scales for an activation" in breach(model)


def test_a_quantized_bias(model):
    bias = store(model, "b32", np.zeros(8, np.int32))
    scale = store(model, "b32.s", np.ones(8, np.float32))
    zero = store(model, "b32.z", np.zeros(8, np.int32))
    dq = helper.make_node("DequantizeLinear", [bias, scale, zero], ["bias"], name="bias", axis=0)
    model.graph.node.insert(0, dq)
    node_named(model, "b1.c1").input[2] = "bias"
    found = breach(model)
    assert "bias dequantizes an INT32 bias" in found
    assert "b1.c1 has a bias that is not stored as float" in found


def test_a_conv_with_a_float_input(model):
    q, _ = pair_of(model, "b1.r1")
    node_named(model, "b1.c2").input[0] = q.input[0]
    assert "b1.c2 has a float input" in breach(model)


def test_a_conv_with_a_float_weight(model):
    weight = np.zeros((8, 8, 3, 3), np.float32)
    node_named(model, "b1.c2").input[1] = store(model, "float.w", weight)
    assert "b1.c2 has a float weight" in breach(model)


@pytest.mark.parametrize("block", ["b1", "b2"])
def test_q_dq_on_the_main_branch(model, block):
    add_pair(model, f"{block}.c3", f"{block}.add")
    assert f"{block}.add has Q/DQ on its main branch" in breach(model)


@pytest.mark.parametrize(("block", "tensor"), [("b1", "b1.down"), ("b2", "b1.out")])
def test_no_q_dq_on_the_shortcut(model, block, tensor):
    node_named(model, f"{block}.add").input[1] = tensor
    assert f"{block}.add has no Q/DQ on its shortcut" in breach(model)


def test_q_dq_between_a_conv_and_its_relu(model):
    add_pair(model, "b1.c1", "b1.r1")
    assert "b1.r1 reads Q/DQ" in breach(model)


def test_a_quantized_last_layer(model):
    add_pair(model, "embedding", "logits")
    assert "logits is quantized; the last layer stays float" in breach(model)


def test_a_dequantize_linear_that_no_quantize_linear_feeds(model):
    _, dq = pair_of(model, "b1.r1")
    dq.input[0] = "cast"
    assert f"{dq.name} dequantizes what no QuantizeLinear made" in breach(model)


def test_weights_as_float_behind_their_own_pair_are_right_too(model):
    """The other form that TensorRT takes: float weight, QuantizeLinear, DequantizeLinear."""
    dq = weight_dq(model, "b1.c1")
    assert dq.op_type == DEQUANTIZE
    weight = store(model, "b1.c1.float", np.ones((8, 8, 1, 1), np.float32))
    q = helper.make_node(
        "QuantizeLinear", [weight, *dq.input[1:]], ["b1.c1.q"], name="b1.c1.q", axis=0
    )
    model.graph.node.insert(0, q)
    dq.input[0] = "b1.c1.q"
    assert check_rules(model) == []


def test_an_operator_that_no_resnet_has(model):
    """NVIDIA's 8.5 parser refuses some of these, and takes others in a way that nobody checked."""
    node_named(model, "b1.r1").op_type = "Mish"
    assert "b1.r1 is a Mish, which TensorRT does not know" in breach(model)


def test_a_pool_with_dilations(model):
    node_named(model, "pool").attribute.append(helper.make_attribute("dilations", [2, 2]))
    assert "pool is a dilated MaxPool" in breach(model)


def test_a_file_that_names_no_opset(model):
    del model.opset_import[:]
    assert "does not name one opset" in breach(model)


def test_an_opset_before_scales_per_channel(model):
    model.opset_import[0].version = 12
    assert "opset is 12" in breach(model)


def test_a_constant_of_a_type_that_cannot_be_read(model):
    bf16 = helper.make_tensor("odd", onnx.TensorProto.BFLOAT16, [1], [1.0])
    model.graph.initializer.append(bf16)
    assert "odd is stored in a type" in breach(model)


def test_an_axis_that_the_input_may_not_have(model):
    q, _ = pair_of(model, "b1.r1")
    del q.attribute[:]
    q.attribute.append(helper.make_attribute("axis", 7))
    assert f"{q.name} has an axis that its input may not have" in breach(model)


def test_a_value_that_is_quantized_twice(model):
    q, _ = pair_of(model, "b1.r1")
    twice = helper.make_node("QuantizeLinear", [q.output[0], *q.input[1:]], ["twice"], name="twice")
    model.graph.node.append(twice)
    assert "twice quantizes what is quantized already" in breach(model)


def test_a_pair_with_two_scales(model):
    _, dq = pair_of(model, "b1.r1")
    dq.input[1] = store(model, "other", np.float32(0.5))
    assert f"{dq.name} has another scale" in breach(model)


def test_a_scale_too_small_to_divide_by(model):
    q, _ = pair_of(model, "b1.r1")
    q.input[1] = store(model, "denormal", np.float32(1e-42))
    assert f"{q.name} has a scale that is not a finite float above 0" in breach(model)
