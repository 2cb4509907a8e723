"""The rules that TensorRT sets for an INT8 graph, proved on the graph that was written.

The quantizer's options are not trusted, and neither is a parser: NVIDIA's 8.5 accepts INT32
biases, unsigned zero points, per-channel activations and any residual placement without a word.
Sources: NVIDIA/TensorRT, tools/tensorflow-quantization (placement); onnx/onnx-tensorrt,
`QuantDequantLinearHelper` (types); docs/operators.md there (opset 17 for 8.5 and 8.6).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from calibration.residual import main_and_shortcut, residual_adds
from deploy.errors import GemscanError, require
from deploy.onnx_graph import DEQUANTIZE, QUANTIZE, GraphView

MIN_OPSET, MAX_OPSET = 13, 17  # 13: a scale per channel
# Of all that NVIDIA's 8.5 parser takes, what a ResNet is made of. It reads no domain.
OPERATORS = frozenset(
    [
        *("Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Constant", "Conv"),
        *("DequantizeLinear", "Div", "Flatten", "Gemm", "GlobalAveragePool", "Identity", "MatMul"),
        *("MaxPool", "Mul", "QuantizeLinear", "ReduceMean", "Relu", "Reshape", "Sub", "Transpose"),
    ]
)
# onnx.TensorProto.DataType, which the ONNX specification fixes.
FLOAT, UINT8, INT8, INT32, INT64 = 1, 2, 3, 6, 7


class RulesError(GemscanError):
    """An INT8 graph breaks a rule that TensorRT sets."""


def prove_rules(model: Any) -> None:
    """Check every rule on an onnx.ModelProto.

    Raises:
        RulesError: at least one is broken; the message lists all.
    """
    if breaches := check_rules(model):
        raise RulesError(
            "the INT8 graph breaks TensorRT's rules and was not kept:\n  "
            + "\n  ".join(breaches)
            + "\nThe installed onnxruntime may quantize in another way; try version 1.24 to 1.32."
        )


def check_rules(model: Any) -> list[str]:
    """Every breach in an onnx.ModelProto, one sentence each; empty when the graph is right."""
    view = GraphView(model.graph)
    return [
        *_opset(model),
        *_operators(view),
        *_image_input(model.graph, view),
        *(breach for node in view.of_type(QUANTIZE, DEQUANTIZE) for breach in _pair(view, node)),
        *_convs(view),
        *_residuals(view),
        *_activations(view),
        *_gemms(view),
    ]


def _opset(model: Any) -> Iterator[str]:
    versions = [used.version for used in model.opset_import if used.domain in ("", "ai.onnx")]
    if len(versions) != 1:
        yield "The file does not name one opset."
    elif versions[0] > MAX_OPSET:
        yield f"The opset is {versions[0]}; TensorRT 8 documents up to {MAX_OPSET}."
    elif versions[0] < MIN_OPSET:
        yield f"The opset is {versions[0]}; a scale per channel needs {MIN_OPSET}."


def _operators(view: GraphView) -> Iterator[str]:
    for node in view.nodes:
        if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"):
            yield f"{node.name} is a {node.op_type}, which TensorRT does not know."
        if node.op_type == "ReduceMean" and len(node.input) > 1:
            yield f"{node.name} has its axes as an input; TensorRT 8 would reduce over everything."
        if node.op_type == "MaxPool" and any(
            n != 1 for a in node.attribute if a.name == "dilations" for n in a.ints
        ):
            yield f"{node.name} is a dilated MaxPool, which TensorRT 8 does not know."
    for name, constant in view.constants.items():
        if constant.data_type not in (FLOAT, UINT8, INT8, INT32, INT64):
            yield f"{name} is stored in a type that TensorRT 8 may not read."


def _image_input(graph: Any, view: GraphView) -> Iterator[str]:
    """Of all layers only a cast may read UINT8, and it must give float."""
    for given in graph.input:
        if given.type.tensor_type.elem_type != UINT8:
            continue
        for node in view.readers(given.name):
            to = [attribute.i for attribute in node.attribute if attribute.name == "to"]
            if node.op_type != "Cast":
                yield f"{node.name} reads the uint8 input {given.name}; only a Cast may."
            elif to != [FLOAT]:
                yield f"{node.name} casts the uint8 input {given.name} to another type than float."


def _pair(view: GraphView, node: Any) -> Iterator[str]:
    """What holds for each QuantizeLinear and DequantizeLinear by itself."""
    if len(node.input) != 3 or not node.input[2]:
        yield f"{node.name} has no zero point; TensorRT 8 demands three inputs."
        return
    scale, zero_point = (view.constants.get(name) for name in node.input[1:])
    if scale is None or zero_point is None:
        yield f"{node.name} has a scale or a zero point that is not stored in the file."
        return
    yield from _scale(node, scale)
    yield from _zero_point(node, zero_point)
    if _size(scale) != _size(zero_point):
        yield f"{node.name} has {_size(scale)} scales and {_size(zero_point)} zero points."
    yield from _granularity(view, node, _size(scale))


def _scale(node: Any, scale: Any) -> Iterator[str]:
    values = _values(scale)
    if scale.data_type != FLOAT or not (
        np.isfinite(values).all() and (values >= np.finfo(np.float32).tiny).all()
    ):
        yield f"{node.name} has a scale that is not a finite float above 0."


def _zero_point(node: Any, zero_point: Any) -> Iterator[str]:
    if zero_point.data_type == INT32:
        yield f"{node.name} dequantizes an INT32 bias; biases must stay float."
    elif zero_point.data_type != INT8:
        yield f"{node.name} has a zero point that is not INT8."
    if _values(zero_point).any():
        yield f"{node.name} has a zero point other than 0; TensorRT is symmetric only."


def _granularity(view: GraphView, node: Any, scales: int) -> Iterator[str]:
    weight = view.constants.get(view.before_quantization(node.input[0]))
    if weight is None:
        if scales != 1:
            yield f"{node.name} has {scales} scales for an activation; one is allowed."
        elif _axis(node) not in (0, 1):  # read, and refused, even where it means nothing
            yield f"{node.name} has an axis that its input may not have."
        return
    if _axis(node) != 0 or len(weight.dims) < 2 or scales != weight.dims[0]:
        yield (
            f"{node.name} does not have one scale for each of the {weight.dims[0]} output "
            f"channels of {weight.name} along axis 0."
        )


def _convs(view: GraphView) -> Iterator[str]:
    for conv in view.of_type("Conv"):
        for what, name in zip(("input", "weight"), conv.input, strict=False):
            if not view.made_by(name, DEQUANTIZE):
                yield f"{conv.name} has a float {what}; it must come from a DequantizeLinear."
        if len(conv.input) > 2 and not _is_float_constant(view, conv.input[2]):
            yield f"{conv.name} has a bias that is not stored as float."


def _residuals(view: GraphView) -> Iterator[str]:
    for add in residual_adds(view):
        try:
            main, shortcut = main_and_shortcut(view, add)
        except ValueError as exc:
            yield f"{add.name} cannot be read as a residual: {exc}."
            continue
        if view.made_by(add.input[main], DEQUANTIZE):
            yield f"{add.name} has Q/DQ on its main branch, which keeps Conv and Add apart."
        if not view.made_by(add.input[shortcut], DEQUANTIZE):
            yield f"{add.name} has no Q/DQ on its shortcut."


def _activations(view: GraphView) -> Iterator[str]:
    for relu in view.of_type("Relu", "Clip"):
        if view.made_by(relu.input[0], DEQUANTIZE):
            yield f"{relu.name} reads Q/DQ; it must follow its Conv or Add in float."
    for node in view.of_type(QUANTIZE):
        if view.made_by(node.input[0], QUANTIZE):
            yield f"{node.name} quantizes what is quantized already."
    for node in view.of_type(DEQUANTIZE):
        maker = view.maker(node.input[0])
        if maker is not None and maker.op_type == QUANTIZE and not _same_scale(view, maker, node):
            yield f"{node.name} has another scale than the QuantizeLinear before it."
        if not view.is_constant(node.input[0]) and not view.made_by(node.input[0], QUANTIZE):
            yield f"{node.name} dequantizes what no QuantizeLinear made."


def _gemms(view: GraphView) -> Iterator[str]:
    for gemm in view.of_type("Gemm", "MatMul"):
        if any(view.made_by(name, DEQUANTIZE) for name in gemm.input):
            yield f"{gemm.name} is quantized; the last layer stays float."


def _is_float_constant(view: GraphView, name: str) -> bool:
    constant = view.constants.get(name)
    return constant is not None and constant.data_type == FLOAT


def _same_scale(view: GraphView, *pair: Any) -> bool:
    first, second = (view.constants.get(node.input[1]) for node in pair)
    return first is None or second is None or np.array_equal(_values(first), _values(second))


def _axis(node: Any) -> int:
    """The axis of a Q or DQ node; the specification's default is 1."""
    return next((int(a.i) for a in node.attribute if a.name == "axis"), 1)


def _size(constant: Any) -> int:
    return int(np.prod(constant.dims, dtype=np.int64))  # () is one value


def _values(constant: Any) -> np.ndarray[Any, Any]:
    helper = require("onnx.numpy_helper", remedy="pip install onnx")
    values: np.ndarray[Any, Any] = helper.to_array(constant)
    return values
