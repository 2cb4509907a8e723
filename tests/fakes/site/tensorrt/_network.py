"""The network that the parser fills."""

from __future__ import annotations

from typing import Any

import fake_gpu

from tensorrt._base import Dims, data_type_of
from tensorrt._enums import ENUMS
from tensorrt._graph import Graph
from tensorrt._record import Native

LAYERS = {"Conv": "CONVOLUTION", "Relu": "ACTIVATION", "Add": "ELEMENTWISE", "Cast": "CAST"}
LAYERS |= {"MaxPool": "POOLING", "GlobalAveragePool": "REDUCE", "QuantizeLinear": "QUANTIZE"}
LAYERS |= {"DequantizeLinear": "DEQUANTIZE", "Gemm": "MATRIX_MULTIPLY", "Constant": "CONSTANT"}


class ITensor(Native):
    @property
    def name(self) -> str:
        return str(self._name)

    @name.setter
    def name(self, value: str) -> None:
        raise fake_gpu.forbid("the fake's tensors cannot be renamed")

    @property
    def shape(self) -> Dims:
        return Dims(self._network._graph.shapes[self._name])

    @shape.setter
    def shape(self, value: Any) -> None:
        if self.is_network_input and len(value) == len(self.shape):
            self._network._set_shape(self._name, tuple(value))

    @property
    def dtype(self) -> Any:
        return data_type_of(self._network._graph.types[self._name])

    @dtype.setter
    def dtype(self, value: Any) -> None:
        if value != self.dtype:
            raise fake_gpu.forbid("the fake's tensors keep the type that the file gives them")

    @property
    def is_network_input(self) -> bool:
        return self._name in self._network._graph.inputs

    @property
    def is_network_output(self) -> bool:
        return self._name in self._network._graph.outputs

    @property
    def is_shape_tensor(self) -> bool:
        return False

    @property
    def is_execution_tensor(self) -> bool:
        return True

    @property
    def location(self) -> Any:
        return ENUMS["TensorLocation"].DEVICE

    def get_dimension_name(self, index: int) -> str:
        return ""


class ILayer(Native):
    @property
    def name(self) -> str:
        return str(self._node.name or f"node_{self._index}")

    @property
    def type(self) -> Any:
        kinds = ENUMS["LayerType"]
        return getattr(kinds, LAYERS.get(self._node.op_type, "SHUFFLE"), kinds.SHUFFLE)

    @property
    def num_inputs(self) -> int:
        return len(self._node.input)

    @property
    def num_outputs(self) -> int:
        return len(self._node.output)

    def get_input(self, index: int) -> Any:
        return ITensor._made(network=self._network, name=self._node.input[index])

    def get_output(self, index: int) -> Any:
        return ITensor._made(network=self._network, name=self._node.output[index])


class INetworkDefinition(Native):
    """_typed: whether it is strongly typed."""

    _graph: Graph | None
    _typed: bool

    def _take(self, graph: Graph) -> None:
        self._graph, self._shapes = graph, {}

    def _set_shape(self, name: str, shape: tuple[int, ...]) -> None:
        self._shapes[name] = shape
        self._graph.set_shapes(self._shapes)

    def _input_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: self._graph.shapes[name] for name in self._graph.inputs}

    def _names(self, field: str) -> list[str]:
        return getattr(self._graph, field) if self._graph else []

    def _tensor(self, field: str, index: int) -> Any:
        names = self._names(field)
        return ITensor._made(network=self, name=names[index]) if index < len(names) else None

    @property
    def name(self) -> str:
        return "Unnamed Network 0"

    @property
    def num_inputs(self) -> int:
        return len(self._names("inputs"))

    @property
    def num_outputs(self) -> int:
        return len(self._names("outputs"))

    @property
    def num_layers(self) -> int:
        return len(self._names("nodes"))

    @property
    def has_implicit_batch_dimension(self) -> bool:
        return False

    def get_input(self, index: int) -> Any:
        return self._tensor("inputs", index)

    def get_output(self, index: int) -> Any:
        return self._tensor("outputs", index)

    def get_layer(self, index: int) -> Any:
        return ILayer._made(network=self, node=self._graph.nodes[index], index=index)

    def get_flag(self, flag: Any) -> bool:
        return bool(self._flags & (1 << int(flag)))

    @property
    def flags(self) -> int:
        return int(self._flags)
