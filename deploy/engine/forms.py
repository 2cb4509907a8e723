"""A bundle's models in the form that a TensorRT build takes, rewritten in memory.

A bundle stores INT8 weights as INT8 constants with a lone DequantizeLinear, a quarter of the size.
Whether TensorRT 8 builds that is not documented; a float constant with Q and DQ behind it is what
every version takes, and gives the same INT8 weights to the bit. A bundle that holds INT8 alone
still has a float form: the same graph without Q/DQ, its weights rounded to 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from deploy.bundle import Bundle
from deploy.engine.recipe import INT8_QDQ, Recipe
from deploy.errors import require
from deploy.onnx_graph import DEQUANTIZE, QUANTIZE, GraphView, drop_unread_constants, rename_input

REMEDY = "pip install onnx"
FLOAT, FLOAT16 = 1, 10  # of onnx.TensorProto.DataType, which the specification fixes


def model_for(bundle: Bundle, recipe: Recipe, *, half: bool = False) -> bytes:
    """The ONNX file to build an engine from, for one picture at a time.

    Args:
        half: rewrite a float model to float16, for a TensorRT that takes every type from the
            file. Its inputs and outputs keep their types.

    Raises:
        BundleError: the bundle holds no INT8 model, and the recipe is Q/DQ.
        MissingDependencyError: the onnx package is not installed.
    """
    onnx = require("onnx", remedy=REMEDY)
    if recipe == INT8_QDQ:
        model = onnx.load(str(bundle.model("int8")))
        spell_out_weights(model)
    else:
        model = _float_model(onnx, bundle)
        if half:
            in_half(model)
    fix_batch(model)
    data: bytes = model.SerializeToString()
    return data


def float_model(bundle: Bundle) -> bytes:
    """The bundle's float32 model, or the float form of its INT8 model where it holds no other.

    Raises:
        MissingDependencyError: the onnx package is not installed.
    """
    data: bytes = _float_model(require("onnx", remedy=REMEDY), bundle).SerializeToString()
    return data


def _float_model(onnx: Any, bundle: Bundle) -> Any:
    if "fp32" in bundle.precisions:
        return onnx.load(str(bundle.model("fp32")))
    model = onnx.load(str(bundle.model("int8")))
    drop_quantization(model)
    return model


def fix_batch(model: Any) -> None:
    """Fix the batch at one picture: what the live loop sends, and what is optimised best.

    A batch that is open would need an optimization profile, of which TensorRT 8 lets each
    execution context have its own only, and the inspector could not tell any tensor's type.
    """
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_value = 1
    del model.graph.value_info[:]


def spell_out_weights(model: Any) -> None:
    """Turn each INT8 constant behind a lone DequantizeLinear into a float one with Q and DQ."""
    helper = require("onnx.helper", remedy=REMEDY)
    view = GraphView(model.graph)
    lone = [node for node in view.of_type(DEQUANTIZE) if node.input[0] in view.constants]
    for restore in lone:
        stored, scale, zero_point = restore.input
        weight = _as_float(model.graph, view, restore)
        made = f"{stored}_q"
        node = helper.make_node(QUANTIZE, [weight, scale, zero_point], [made], name=made)
        node.attribute.extend(a for a in restore.attribute if a.name == "axis")
        restore.input[0] = made
        model.graph.node.insert(list(model.graph.node).index(restore), node)
    drop_unread_constants(model.graph)


def drop_quantization(model: Any) -> None:
    """Remove every Q/DQ pair; INT8 constants become the floats that they stand for."""
    view = GraphView(model.graph)
    for restore in view.of_type(DEQUANTIZE):
        stored = restore.input[0]
        source = (
            _as_float(model.graph, view, restore)
            if stored in view.constants
            else view.before_quantization(stored)
        )
        rename_input(view.readers(restore.output[0]), restore.output[0], source)
    for node in view.of_type(QUANTIZE, DEQUANTIZE):
        model.graph.node.remove(node)
    drop_unread_constants(model.graph)


def _as_float(graph: Any, view: GraphView, restore: Any) -> str:
    """Store what a DequantizeLinear makes of a constant; the name of what was stored."""
    helper = require("onnx.numpy_helper", remedy=REMEDY)
    values, scale = (helper.to_array(view.constants[name]) for name in restore.input[:2])
    axis = next((a.i for a in restore.attribute if a.name == "axis"), 1)
    if scale.size > 1:
        scale = scale.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    name = f"{restore.input[0]}_float"
    graph.initializer.append(helper.from_array(values.astype(np.float32) * scale, name))
    return name


def in_half(model: Any) -> None:
    """Let a float32 onnx.ModelProto compute in float16 from the first Conv on, in place.

    What comes before reads bytes from 0 to 255, and stays in float32 with the inputs and outputs.
    """
    helper = require("onnx.helper", remedy=REMEDY)
    graph = model.graph
    first = next(i for i, node in enumerate(graph.node) if node.op_type == "Conv")
    before, after = list(graph.node[:first]), list(graph.node[first:])
    made_before = {name for node in before for name in node.output}
    crossing = sorted({name for node in after for name in node.input} & made_before)
    casts = [_cast(helper, name, f"{name}_half", FLOAT16) for name in crossing]
    for name in crossing:
        rename_input(after, name, f"{name}_half")
    back = [_cast(helper, f"{out.name}_half", out.name, FLOAT) for out in graph.output]
    for out in graph.output:
        rename_input(after, out.name, f"{out.name}_half")
        _rename_output(after, out.name, f"{out.name}_half")
    _halve_constants(graph, after)
    del graph.value_info[:], graph.node[:]
    graph.node.extend([*before, *casts, *after, *back])


def _cast(helper: Any, source: str, target: str, to: int) -> Any:
    return helper.make_node("Cast", [source], [target], name=f"{target}_cast", to=to)


def _rename_output(nodes: Iterable[Any], old: str, new: str) -> None:
    for node in nodes:
        for i, name in enumerate(node.output):
            if name == old:
                node.output[i] = new


def _halve_constants(graph: Any, nodes: Iterable[Any]) -> None:
    """Store as float16 what these nodes read of the stored float32 tensors."""
    helper = require("onnx.numpy_helper", remedy=REMEDY)
    read = {name for node in nodes for name in node.input}
    for tensor in graph.initializer:
        if tensor.name in read and tensor.data_type == FLOAT:
            values = helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(helper.from_array(values, tensor.name))
