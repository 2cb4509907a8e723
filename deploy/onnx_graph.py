"""Reading an ONNX graph: who makes a tensor, who reads it, what a constant holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"


class GraphView:
    """A graph indexed by tensor name. It shows the graph as it was when the view was made."""

    def __init__(self, graph: Any) -> None:
        self.nodes: list[Any] = list(graph.node)
        self.constants: dict[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {name: node for node in self.nodes for name in node.output}
        self._readers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)

    def of_type(self, *op_types: str) -> list[Any]:
        """The nodes of these operators, in graph order."""
        return [node for node in self.nodes if node.op_type in op_types]

    def maker(self, tensor: str) -> Any:
        """The node that computes a tensor, or None for an input or a constant."""
        return self._makers.get(tensor)

    def made_by(self, tensor: str, *op_types: str) -> bool:
        """Whether a tensor is the output of one of these operators."""
        maker = self.maker(tensor)
        return maker is not None and maker.op_type in op_types

    def readers(self, tensor: str) -> list[Any]:
        """The nodes that read a tensor."""
        return self._readers.get(tensor, [])

    def is_constant(self, tensor: str) -> bool:
        """Whether a tensor is stored in the file, or made by a Constant node."""
        return tensor in self.constants or self.made_by(tensor, "Constant")

    def before_quantization(self, tensor: str) -> str:
        """The tensor whose rounded values these are: back through DequantizeLinear and Q."""
        while self.made_by(tensor, QUANTIZE, DEQUANTIZE):
            tensor = self.maker(tensor).input[0]
        return tensor


def rename_input(nodes: Iterable[Any], old: str, new: str) -> None:
    """Let nodes read another tensor."""
    for node in nodes:
        for i, name in enumerate(node.input):
            if name == old:
                node.input[i] = new


def drop_unread_constants(graph: Any) -> None:
    """Remove the stored tensors that no node reads any more."""
    read = {name for node in graph.node for name in node.input}
    read |= {output.name for output in graph.output}
    for constant in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(constant)
