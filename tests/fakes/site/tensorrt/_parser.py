"""The ONNX parser, and what it refuses: TensorRT 8.5's was run on such files, others were read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tensorrt._base import say
from tensorrt._enums import IS_8, ErrorCode
from tensorrt._graph import FLOATS, QUANTIZING, Graph, read
from tensorrt._network import INetworkDefinition
from tensorrt._record import Native

NO_IMPORTER = ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger")
NO_IMPORTER += ("DynamicQuantizeLinear",)
UINT8 = 2


class ParserError(Native):
    def code(self) -> Any:
        return self._code

    def desc(self) -> str:
        return str(self._desc)

    def node(self) -> int:
        return int(self._node)

    def file(self) -> str:
        return "importer.cpp"

    def func(self) -> str:
        return "parse"

    def line(self) -> int:
        return 0

    def node_name(self) -> str:
        return str(self._node_name)

    def node_operator(self) -> str:
        return str(self._node_operator)

    def __str__(self) -> str:
        return f"In node {self._node} ({self._node_operator}): {self._code.name}: {self._desc}"


def new_error(code: str, desc: str, node: int = -1, of: Any = None) -> ParserError:
    """An error, of a node where one is given."""
    name, operator = (of.name, of.op_type) if of is not None else ("", "")
    found: ParserError = ParserError._made(
        code=getattr(ErrorCode, code), desc=desc, node=node, node_name=name, node_operator=operator
    )
    return found


class OnnxParser(Native):
    def __init__(self, network: INetworkDefinition, logger: Any) -> None:
        self._network, self._logger = network, logger
        self._errors: list[ParserError] = []

    def parse(self, model: Any, path: str | None = None) -> bool:
        """Read a file's bytes into the network; False, with errors, if that cannot be."""
        try:
            graph = read(bytes(model))
        except ValueError:
            return self._fail(
                new_error("MODEL_DESERIALIZE_FAILED", "Failed to parse the ONNX model.")
            )
        for index, node in enumerate(graph.nodes):
            refused = refusal(graph, node)
            if refused:
                return self._fail(new_error(*refused, index, node))
        self._network._take(graph)
        return True

    def parse_from_file(self, model: str) -> bool:
        """As `parse`, from a path."""
        if not Path(model).is_file():
            say(self._logger, "ERROR", f"Could not open file {model}")
            return self._fail(
                new_error("MODEL_DESERIALIZE_FAILED", f"Failed to open the ONNX model: {model}")
            )
        return self.parse(Path(model).read_bytes())

    def _fail(self, error: ParserError) -> bool:
        self._errors.append(error)
        say(self._logger, "ERROR", str(error))
        return False

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]

    def clear_errors(self) -> None:
        self._errors.clear()


def refusal(graph: Graph, node: Any) -> tuple[str, str] | None:
    """Why the parser will not have a node, as (code, text); None if it will."""
    if node.op_type in NO_IMPORTER:
        return "UNSUPPORTED_NODE", f"No importer registered for op: {node.op_type}"
    if node.op_type in QUANTIZING:
        text = bad_quantization(graph, node)
        return ("INVALID_NODE", text) if text else None
    if node.op_type == "Cast" and IS_8 and graph.types.get(node.input[0]) == UINT8:
        target = next(a.i for a in node.attribute if a.name == "to")
        if target not in FLOATS:
            words = "Assertion failed: newType == DataType::kFLOAT || newType == DataType::kHALF"
            return "UNSUPPORTED_NODE", words
    return None


def bad_quantization(graph: Graph, node: Any) -> str | None:
    """What is wrong with a QuantizeLinear or DequantizeLinear, in the parser's words."""
    if len(node.input) < 3 and IS_8:
        return f"{node.op_type}: this version of TensorRT requires 3 inputs"
    scale = graph.constant(node.input[1])
    if scale is None:
        return "Scale coefficients must be a constant tensor"
    if not (scale > 0).all():
        return "Assertion failed: Scale coefficients must all be positive"
    if len(node.input) < 3:
        return None
    return bad_zero_point(graph, node, scale)


def bad_zero_point(graph: Graph, node: Any, scale: np.ndarray) -> str | None:
    """What is wrong with the zero point of a quantizing node."""
    zero_point = graph.constant(node.input[2])
    if zero_point is None:
        return "Zero-point must be a constant tensor"
    if zero_point.any():
        return (
            "Assertion failed: TRT only supports symmetric quantization - zeroPt must be all zeros"
        )
    if zero_point.size != scale.size:
        return "Assertion failed: The scale and zero-point must have the same size"
    if zero_point.dtype == np.uint8 and not IS_8 and node.op_type == "QuantizeLinear":
        return "TensorRT does not support UINT8 quantization"
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    shape = graph.shapes.get(node.input[0]) or ()
    if scale.size > 1 and axis < len(shape) and shape[axis] not in (-1, scale.size):
        return "Assertion failed: The number of scales must be the size of the quantization axis"
    return None
