"""The INT8 graph in the form that x86 processors run fast.

A bundle's graph is signed with zero point 0, as TensorRT demands, and leaves the main branch of
a residual in float. On x86 ONNX Runtime runs that no faster than float32: it joins a Conv with
the Relu behind it only where the quantized type ends at 0, that is for uint8 with zero point 0,
and a Conv whose result stays in float only by computing in float. Here the same ranges are kept
and the numbers in them change: uint8, zero point 0 where a tensor is never negative and 128
elsewhere, and the main branches quantized too. ResNet-50 then is INT8 from end to end.

After a Relu uint8 has room for twice the levels of int8, which halves the rounding. That room is
used where the processor has VNNI. Others add products of uint8 and int8 two at a time in 16 bits,
where 255 x 127 twice does not fit and 127 x 127 does; there the scale stays, and a Conv that reads
a tensor of both signs, which takes all of uint8, computes in float. In ResNet-50 that is the first.
Source: ONNX Runtime's documentation, "Quantize ONNX models", on U8S8 and saturation.
"""

from __future__ import annotations

import json
import logging
import platform
from pathlib import Path
from typing import Any

import numpy as np

from deploy.errors import MissingDependencyError, require
from deploy.onnx_graph import DEQUANTIZE, QUANTIZE, GraphView, drop_unread_constants, rename_input

log = logging.getLogger(__name__)

# Model metadata: a JSON object, tensor name to scale, for tensors that the signed form leaves in
# float and this one does not.
SCALES_KEY = "gemscan.activation_scales"
REMEDY = "pip install onnx"
X86 = frozenset({"x86_64", "amd64", "i386", "i686", "x86"})
VNNI = frozenset({"avx512_vnni", "avx_vnni"})  # as Linux names them
INT8 = 3  # of onnx.TensorProto.DataType, which the specification fixes
KEEPS_SIGN = (QUANTIZE, DEQUANTIZE, "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten")


def for_this_processor(model_path: Path) -> bytes | str:
    """What to open with ONNX Runtime for an INT8 model: its bytes rewritten, or its path.

    On ARM the signed form is the fast one. Without the onnx package it is used on x86 too.
    """
    if platform.machine().lower() not in X86:
        return str(model_path)
    try:
        onnx = require("onnx", remedy=REMEDY)
    except MissingDependencyError:
        log.warning("INT8 is several times slower on this processor without onnx: %s", REMEDY)
        return str(model_path)
    model = onnx.load(str(model_path))
    to_unsigned(model, fine=has_vnni())
    rewritten: bytes = model.SerializeToString()
    return rewritten


def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether products of uint8 and int8 are added in 32 bits; no where this cannot be told."""
    try:
        return not VNNI.isdisjoint(cpuinfo.read_text(encoding="utf-8").split())
    except OSError:
        return False


def to_unsigned(model: Any, *, fine: bool) -> None:
    """Rewrite an onnx.ModelProto from signed to unsigned activations, in place.

    Weights, ranges and everything in float stay as they are.

    Args:
        fine: after a Relu use all of uint8, with a scale half as large. Without it no Conv reads
            a value above 127.
    """
    for tensor, step in _scales(model).items():
        _quantize_tensor(model.graph, tensor, step)
    if not fine:
        _spare_convs_of_both_signs(model.graph)
    view = GraphView(model.graph)
    for node in view.of_type(QUANTIZE):
        if _is_signed_activation(view, node):
            never_negative = _never_negative(view, node.input[0])
            scale = _finer(model.graph, node.input[1]) if never_negative and fine else node.input[1]
            zero_point = _zero_point(model.graph, 0 if never_negative else 128)
            for paired in (node, *view.readers(node.output[0])):
                paired.input[1:] = [scale, zero_point]
    drop_unread_constants(model.graph)


def _scales(model: Any) -> dict[str, float]:
    """What calibration noted in the metadata; empty for a graph from elsewhere."""
    noted = [item.value for item in model.metadata_props if item.key == SCALES_KEY]
    scales: dict[str, float] = json.loads(noted[0]) if noted else {}
    return scales


def _quantize_tensor(graph: Any, tensor: str, step: float) -> None:
    """Put a signed Q/DQ pair between a tensor and all that reads it."""
    helper = require("onnx.helper", remedy=REMEDY)
    scale = _stored(graph, f"{tensor}_x86_step", np.array(step, np.float32))
    zero_point = _stored(graph, f"{tensor}_x86_zero", np.array(0, np.int8))
    quantized, restored = f"{tensor}_x86_q", f"{tensor}_x86_dq"
    rename_input(GraphView(graph).readers(tensor), tensor, restored)
    place = 1 + next(i for i, node in enumerate(graph.node) if tensor in node.output)
    for op_type, given, made in (
        (DEQUANTIZE, quantized, restored),  # inserted first, so it comes to lie behind
        (QUANTIZE, tensor, quantized),
    ):
        node = helper.make_node(op_type, [given, scale, zero_point], [made], name=made)
        graph.node.insert(place, node)


def _spare_convs_of_both_signs(graph: Any) -> None:
    """Let a Conv read floats where its input, in uint8, would need a zero point of 128."""
    view = GraphView(graph)
    for conv in view.of_type("Conv"):
        given = conv.input[0]
        source = view.before_quantization(given)
        if source != given and not _never_negative(view, source):
            rename_input([conv], given, source)
            _drop_unread(graph, given)


def _drop_unread(graph: Any, tensor: str) -> None:
    """Remove the Q/DQ nodes that make a tensor, as far back as nobody else reads them."""
    view = GraphView(graph)
    while view.made_by(tensor, QUANTIZE, DEQUANTIZE) and not view.readers(tensor):
        maker = view.maker(tensor)
        graph.node.remove(maker)
        view, tensor = GraphView(graph), maker.input[0]


def _is_signed_activation(view: GraphView, node: Any) -> bool:
    zero_point = view.constants.get(node.input[2]) if len(node.input) == 3 else None
    of_weight = view.is_constant(node.input[0])
    return zero_point is not None and zero_point.data_type == INT8 and not of_weight


def _never_negative(view: GraphView, tensor: str) -> bool:
    while view.made_by(tensor, *KEEPS_SIGN):
        tensor = view.maker(tensor).input[0]
    return view.made_by(tensor, "Relu")


def _finer(graph: Any, scale: str) -> str:
    """The name of the scale that spreads the same range over 255 levels in place of 127."""
    helper = require("onnx.numpy_helper", remedy=REMEDY)
    stored = next(tensor for tensor in graph.initializer if tensor.name == scale)
    finer = np.asarray(helper.to_array(stored) * (127 / 255), np.float32)
    return _stored(graph, f"{scale}_x86", finer)


def _zero_point(graph: Any, value: int) -> str:
    """The name of a uint8 scalar."""
    return _stored(graph, f"x86_zero_point_{value}", np.array(value, np.uint8))


def _stored(graph: Any, name: str, value: Any) -> str:
    """Store a constant, unless it already is, and give its name back."""
    if all(tensor.name != name for tensor in graph.initializer):
        helper = require("onnx.numpy_helper", remedy=REMEDY)
        graph.initializer.append(helper.from_array(value, name))
    return name
