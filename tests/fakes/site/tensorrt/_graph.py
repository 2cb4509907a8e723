"""What the fake must know of an ONNX file: types and shapes of its tensors, and who makes what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

QUANTIZING = ("QuantizeLinear", "DequantizeLinear")
SMALL = 64  # elements; constants of this size may be shapes, and are kept


class Graph:
    """A model with its tensors' types and shapes.

    types: ONNX element type by tensor name.
    shapes: by tensor name; -1 where a size is open.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.nodes = list(model.graph.node)
        self.inputs = [v.name for v in model.graph.input if v.name not in self.constants]
        self.outputs = [v.name for v in model.graph.output]
        self.makers = {name: node for node in self.nodes for name in node.output}
        self._skeleton = skeleton(model)
        self.types, self.shapes = inferred(self._skeleton, {})

    def set_shapes(self, inputs: Mapping[str, Sequence[int]]) -> None:
        """Infer all shapes again, with inputs of these shapes."""
        self.types, self.shapes = inferred(self._skeleton, inputs)

    def readers(self, tensor: str) -> list[Any]:
        """The nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.input]

    def constant(self, tensor: str) -> np.ndarray | None:
        """The values of a stored tensor or of a Constant node; None for any other."""
        if tensor in self.constants:
            return np.asarray(numpy_helper.to_array(self.constants[tensor]))
        maker = self.makers.get(tensor)
        if maker is None or maker.op_type != "Constant":
            return None
        value = next((a for a in maker.attribute if a.name == "value"), None)
        return None if value is None else np.asarray(numpy_helper.to_array(value.t))

    def is_quantized(self) -> bool:
        """Whether it carries Q/DQ nodes."""
        return any(node.op_type in QUANTIZING for node in self.nodes)


def skeleton(model: Any) -> Any:
    """The model with its large constants turned into inputs: inference is quick then."""
    light = onnx.ModelProto()
    light.ir_version = model.ir_version
    light.opset_import.extend(model.opset_import)
    for field in ("node", "input", "output"):
        getattr(light.graph, field).extend(getattr(model.graph, field))
    light.graph.name = "skeleton"
    named = {value.name for value in model.graph.input}
    for tensor in model.graph.initializer:
        if np.prod(tensor.dims, dtype=np.int64) <= SMALL:
            light.graph.initializer.append(tensor)
        elif tensor.name not in named:
            value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            light.graph.input.append(value)
    return light


def inferred(light: Any, inputs: Mapping[str, Sequence[int]]) -> tuple[dict[str, int], Any]:
    """(types, shapes) by tensor name, the named inputs having the given shapes."""
    model = onnx.ModelProto()
    model.CopyFrom(light)
    for value in model.graph.input:
        if value.name in inputs:
            set_dims(value, inputs[value.name])
    if inputs:  # declared output shapes may be open where they are now fixed
        for value in model.graph.output:
            value.type.tensor_type.ClearField("shape")
    found = shape_inference.infer_shapes(model, data_prop=True).graph
    values = [*found.input, *found.output, *found.value_info]
    types = {v.name: v.type.tensor_type.elem_type for v in values}
    types |= {tensor.name: tensor.data_type for tensor in light.graph.initializer}
    return types, {v.name: dims_of(v) for v in values}


def dims_of(value: Any) -> tuple[int, ...]:
    """A tensor's shape, -1 for what is open."""
    dims = value.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else -1 for d in dims)


def set_dims(value: Any, shape: Sequence[int]) -> None:
    """Fix the sizes of a declared tensor; -1 leaves one open."""
    for dim, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
        if size >= 0:
            dim.dim_value = size


def read(data: bytes) -> Graph:
    """The graph of an ONNX file.

    Raises:
        ValueError: it is none.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as exc:
        raise ValueError(str(exc)) from exc
    if not model.graph.node or not model.opset_import:
        raise ValueError("no graph in it")
    return Graph(model)


FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)
