"""What is inside an engine: its layers, what was fused into each, and in which types they run.

TensorRT tells it as JSON. Its keys are not documented and change: up to 10 a tensor has one field
"Format/Datatype", and 11 splits it. So a type is looked for in all that a tensor says of itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.engine.bindings import because, load_tensorrt, new_logger, new_runtime
from deploy.engine.cuda import Gpu
from deploy.engine.runner import EngineRefusedError
from deploy.errors import BackendError, require
from deploy.onnx_graph import DEQUANTIZE, QUANTIZE

TYPES = {  # in the order they are looked for: "Int8" is part of "UInt8"
    "UINT8": r"uint8",
    "INT8": r"int8",
    "FP16": r"fp16|half|float16",
    "BF16": r"bf16",
    "FP32": r"fp32|float",
    "INT32": r"int32",
}
# Copies, conversions and bookkeeping: they move numbers and compute none.
MOVERS = (
    *("reformat", "noop", "no-op", "constant", "shuffle", "signal", "wait"),
    *("cast", "quantize", "transpose", "flatten"),
)
MOVING = (QUANTIZE, DEQUANTIZE, "Cast", "Transpose", "Flatten", "Reshape", "Identity")
# What stands between the names of ONNX nodes where a layer lists those that it was made from.
BETWEEN = re.compile(r" \+ |\|\||[\x1e\x1f]|\[ONNX Layer: |[][,(){}]|\.\.\.")


@dataclass(frozen=True)
class Layer:
    """One layer of an engine.

    kind: TensorRT's name for what it is.
    takes, gives: types of its inputs and outputs, as "INT8"; "?" where it does not say.
    fused: operators of the ONNX graph that became this layer, in order.
    weights: their type, "?" where it does not say or has none.
    """

    name: str
    kind: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    fused: tuple[str, ...]
    weights: str = "?"

    @property
    def computes(self) -> bool:
        """Whether it does more than to move or convert numbers."""
        return bool(self.fused) or not any(word in self.kind.lower() for word in MOVERS)

    @property
    def in_int8(self) -> bool:
        """Whether it computes on INT8 values: a Conv whose weights are INT8 does."""
        return "INT8" in self.takes or self.weights == "INT8"

    @property
    def untold(self) -> bool:
        """Whether it says neither what it takes nor of what type its weights are."""
        return set(self.takes) <= {"?"} and self.weights == "?"


@dataclass(frozen=True)
class Insight:
    """An engine's layers, in the order they run."""

    layers: tuple[Layer, ...]

    @property
    def not_int8(self) -> list[Layer]:
        """The layers that compute, and say that it is not on INT8 values."""
        computing = [layer for layer in self.layers if layer.computes and not layer.untold]
        return [layer for layer in computing if not layer.in_int8]

    @property
    def residuals(self) -> tuple[int, int]:
        """Additions that run in one layer with a Conv, and all additions that can be seen."""
        adding = [layer for layer in self.layers if "Add" in layer.fused]
        return sum("Conv" in layer.fused for layer in adding), len(adding)

    def summary(self) -> list[str]:
        """What an engineer wants to know first."""
        computing = [layer for layer in self.layers if layer.computes]
        fused, additions = self.residuals
        lines = [
            f"{len(self.layers)} layers, {len(computing)} of them compute, "
            f"{sum(layer.in_int8 for layer in computing)} of those on INT8 values",
            f"residual additions in one layer with their Conv: {fused} of {additions}",
        ]
        if untold := sum(layer.untold for layer in computing):
            lines.append(f"{untold} layers that compute do not say their types")
        return lines


def engine_information(plan: bytes) -> str:
    """What TensorRT's EngineInspector says of a serialized engine, as JSON.

    Raises:
        EngineRefusedError: TensorRT does not take the engine.
        BackendError, MissingDependencyError: the GPU or a library is not there.
    """
    trt = load_tensorrt()
    with Gpu() as gpu, gpu.active():
        logger = new_logger(trt)
        runtime = new_runtime(trt, logger)
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise EngineRefusedError(f"the engine was refused. {because(logger)}")
        inspector = engine.create_engine_inspector()
        said: str = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
        del inspector, engine, runtime  # before the context
    return said


def read_layers(information: str, operators: Mapping[str, str]) -> Insight:
    """Parse what TensorRT's EngineInspector says.

    Args:
        operators: the ONNX graph's nodes, name to operator: a layer names those it is made from.

    Raises:
        BackendError: it is not the JSON that any known TensorRT writes.
    """
    try:
        said = json.loads(information)["Layers"]
        return Insight(tuple(_layer(layer, operators) for layer in said))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BackendError(f"TensorRT describes the engine in an unknown way: {exc}") from exc


def operators_of(onnx_model: bytes) -> dict[str, str]:
    """The nodes of an ONNX file that compute something, name to operator.

    Raises:
        MissingDependencyError: the onnx package is not installed.
    """
    onnx = require("onnx", remedy="pip install onnx")
    nodes = onnx.load_from_string(onnx_model).graph.node
    return {n.name: n.op_type for n in nodes if n.op_type not in MOVING}


def _layer(said: Any, operators: Mapping[str, str]) -> Layer:
    if isinstance(said, str):  # an engine built without details has names alone
        return Layer(said, "?", ("?",), ("?",), _fused(said, operators))
    name = str(said["Name"])
    return Layer(
        name=name,
        kind=str(said.get("LayerType", "?")),
        takes=_types(said.get("Inputs", [])),
        gives=_types(said.get("Outputs", [])),
        fused=_fused(f"{name} + {said.get('Metadata', '')}", operators),
        weights=_weights(said),
    )


def _weights(said: Any) -> str:
    """The type of a layer's weights; the key is another for each kind of layer."""
    found = [value for name, value in said.items() if name.endswith("Weights")]
    kinds = [tensor_type(value) for value in found if isinstance(value, dict)]
    return next((kind for kind in kinds if kind != "?"), "?")


def _types(tensors: Sequence[Any]) -> tuple[str, ...]:
    return tuple(tensor_type(tensor) for tensor in tensors)


def tensor_type(said: Any) -> str:
    """The type that a tensor's description names, as "INT8"; "?" where there is none."""
    words = " ".join(str(value) for name, value in said.items() if "Name" not in name)
    found = (name for name, pattern in TYPES.items() if re.search(pattern, words, re.IGNORECASE))
    return next(found, "?")


def _fused(text: str, operators: Mapping[str, str]) -> tuple[str, ...]:
    """The operators of the ONNX nodes that a layer names, each node once, in order."""
    words = dict.fromkeys(word.strip() for word in BETWEEN.split(text))
    return tuple(operators[word] for word in words if word in operators)
