"""The engine inspector: the JSON that tells how layers were fused, and in which types they run.

Keys and the sentences for formats are those of NVIDIA's documentation and of files that people
have published; which layers a real builder fuses, only a real builder can tell.
"""

from __future__ import annotations

import json
from typing import Any

from tensorrt._enums import ENUMS, TYPED_BY_FILE
from tensorrt._graph import QUANTIZING, Graph, read
from tensorrt._record import Native, Stored

FORMATS = {
    "INT8": "Thirty-two wide channel vectorized row major Int8 format",
    "HALF": "Channel major FP16 format where channel % 8 == 0",
    "FLOAT": "Row major linear FP32",
    "UINT8": "Row major linear UInt8 format",
}
TYPE_NAMES = {"INT8": "Int8", "HALF": "Half", "FLOAT": "Float", "UINT8": "UInt8"}
FOLLOWERS = ("Relu", "Add")
SILENT = (*QUANTIZING, "Constant", "Identity")


class EngineInspector(Native):
    execution_context = Stored(None)

    def get_engine_information(self, format: Any) -> str:
        if format != ENUMS["LayerInformationFormat"].JSON:
            return "\n".join(layer["Name"] for layer in layers_of(self._engine))
        return json.dumps({"Layers": self._layers(), **io_of(self._engine)})

    def get_layer_information(self, layer_index: int, format: Any) -> str:
        return json.dumps(self._layers()[layer_index])

    def _layers(self) -> list[Any]:
        """Whole entries of an engine built with DETAILED; names of one with LAYER_NAMES_ONLY."""
        verbosity = self._engine._header["verbosity"]
        if verbosity == "DETAILED":
            return layers_of(self._engine)
        names = [layer["Name"] for layer in layers_of(self._engine)]
        return names if verbosity == "LAYER_NAMES_ONLY" else []


def io_of(engine: Any) -> dict[str, Any]:
    """The inputs and outputs: their names up to 10, objects under another key from 11 on."""
    tensors = engine._header["io"]
    if not TYPED_BY_FILE:
        return {"Bindings": [io["name"] for io in tensors]}
    return {"I/O Tensors": [io_entry(io) for io in tensors]}


def io_entry(io: dict[str, Any]) -> dict[str, Any]:
    """One entry of "I/O Tensors"."""
    profile = dict(zip(("MinShape", "OptShape", "MaxShape"), io["profile"]))  # noqa: B905  # none for outputs
    return {
        "Name": io["name"],
        "IOMode": io["mode"].capitalize(),
        "DataType": TYPE_NAMES[io["dtype"]],
        "Dimensions": io["shape"],
        "Location": "Device",
        "IsShapeInferenceIO": False,
        "ProfileInfo": [{**profile, "Format": f"{FORMATS[io['dtype']]} (kLINEAR)"}],
    }


def layers_of(engine: Any) -> list[dict[str, Any]]:
    """The engine's layers, found once."""
    if "_layers" not in engine.__dict__:
        engine.__dict__["_layers"] = fused_layers(read(engine._model), engine._header["half"])
    found: list[dict[str, Any]] = engine.__dict__["_layers"]
    return found


def fused_layers(graph: Graph, half: bool) -> list[dict[str, Any]]:
    """Conv, Conv + Relu and Conv + Add + Relu in one entry each, what is left in its own."""
    taken: set[int] = set()
    layers = []
    for node in graph.nodes:
        if id(node) in taken or node.op_type in SILENT:
            continue
        group = [node, *followers(graph, node)] if node.op_type == "Conv" else [node]
        if any(id(member) in taken for member in group):
            group = [node]
        taken.update(id(member) for member in group)
        layers.append(entry(graph, group, half))
    return layers


def followers(graph: Graph, conv: Any) -> list[Any]:
    """What can be fused behind a Conv: at most one Add, then at most one Relu."""
    found: list[Any] = []
    last = conv
    while True:
        readers = graph.readers(last.output[0])
        after = readers[0] if len(readers) == 1 else None
        if after is None or after.op_type not in FOLLOWERS:
            return found
        if after.op_type in [node.op_type for node in found]:
            return found
        found.append(after)
        last = after
        if after.op_type == "Relu":
            return found


def entry(graph: Graph, group: list[Any], half: bool) -> dict[str, Any]:
    """One layer as the inspector describes it."""
    conv = group[0].op_type == "Conv"
    made = {name for node in group for name in node.output}
    tensors = [t for node in group for t in node.input if t and t not in made]
    inputs = [t for t in tensors if graph.constant(plain(graph, t)) is None]
    names = [node.name for node in group]
    kind = type_of(graph, inputs[0], half) if inputs else "FLOAT"
    found = {
        "Name": " + ".join(names),
        "LayerType": "CaskConvolution" if conv else group[0].op_type,
        "Inputs": [tensor_entry(graph, t, half) for t in inputs],
        "Outputs": [tensor_entry(graph, group[-1].output[0], half)],
        "ParameterType": "Convolution" if conv else group[0].op_type,
        "TacticName": f"fake_{kind.lower()}_tactic",
        "TacticValue": "0x0000000000000001",
        "StreamId": 0,
        "Metadata": "\x1e".join(f"[ONNX Layer: {name}]" for name in names),
    }
    if conv:
        found["Weights"] = {"Type": TYPE_NAMES[kind], "Count": weight_count(graph, group[0])}
        found["HasReLU"] = int(group[-1].op_type == "Relu")
    return found


def plain(graph: Graph, tensor: str) -> str:
    """The tensor before any Q/DQ."""
    maker = graph.makers.get(tensor)
    while maker is not None and maker.op_type in QUANTIZING:
        tensor = maker.input[0]
        maker = graph.makers.get(tensor)
    return tensor


def weight_count(graph: Graph, conv: Any) -> int:
    """How many weights a Conv has."""
    values = graph.constant(plain(graph, conv.input[1]))
    return 0 if values is None else int(values.size)


def type_of(graph: Graph, tensor: str, half: bool) -> str:
    """The type in which a tensor travels: INT8 where a Q stands on either side of it."""
    maker = graph.makers.get(tensor)
    if maker is not None and maker.op_type == "DequantizeLinear":
        return "INT8"
    readers = graph.readers(tensor)
    if readers and all(node.op_type == "QuantizeLinear" for node in readers):
        return "INT8"
    kind = graph.types.get(tensor, 1)
    if kind == 2:
        return "UINT8"
    ends = tensor in graph.outputs or tensor in graph.inputs
    return "HALF" if kind == 10 or (half and not ends) else "FLOAT"


def tensor_entry(graph: Graph, tensor: str, half: bool) -> dict[str, Any]:
    """One of a layer's "Inputs" or "Outputs"."""
    kind = type_of(graph, tensor, half)
    where = {"Name": plain(graph, tensor), "Location": "Device"}
    where["Dimensions"] = list(graph.shapes.get(tensor, ()))
    if TYPED_BY_FILE:
        return {**where, "Format": FORMATS[kind], "DataType": TYPE_NAMES[kind]}
    return {**where, "Format/Datatype": FORMATS[kind]}
