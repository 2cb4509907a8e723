"""From a float32 model and the ranges of its tensors to the same model with Q/DQ nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from calibration.residual import repair_residuals, residual_adds
from deploy.errors import DataError, require
from deploy.onnx_graph import GraphView
from deploy.unsigned import SCALES_KEY

REMEDY = "pip install 'gemscan[train]'"

# TensorRT's rules in the words of ONNX Runtime's quantizer. An option that is misspelt, or that
# this version does not know, is accepted in silence: `calibration.rules` checks what came out.
OPTIONS = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "QDQDisableWeightAdjustForInt32Bias": True,
    "AddQDQPairToWeight": False,  # INT8 constants: a quarter of the file
    "DedicatedQDQPair": False,
    "ForceQuantizeNoInputCheck": True,
    "OpTypesToExcludeOutputQuantization": [
        "Conv",
        "Add",
        "Relu",
        "MaxPool",
        "GlobalAveragePool",
        "Flatten",
        "Gemm",
    ],
    "QDQOpTypePerChannelSupportToAxis": {"Conv": 0},
}
QUANTIZED = ("Conv", "Add", "MaxPool", "GlobalAveragePool")
LEVELS = 127  # symmetric: -127 to 127

Ranges = Mapping[str, tuple[float, float]]


def tensors_to_measure(model: Any) -> set[str]:
    """The tensors of an onnx.ModelProto whose ranges `quantize` needs."""
    view = GraphView(model.graph)
    plain = _not_residual(view)
    nodes = [node for node in view.of_type(*QUANTIZED) if node.name not in plain]
    pooled = {node.output[0] for node in view.of_type("MaxPool")}
    return pooled | {i for node in nodes for i in node.input if not view.is_constant(i)}


def quantize(model_path: Path, ranges: Ranges) -> Any:
    """Write Q/DQ nodes by TensorRT's rules.

    Args:
        model_path: a float32 ONNX model, opset 13 to 17, batch norms folded.
        ranges: lowest and highest value of every tensor that `tensors_to_measure` names.

    Returns:
        An onnx.ModelProto. `calibration.rules.prove_rules` is for the caller to ask.
    """
    onnx = require("onnx", remedy=REMEDY)
    model = onnx.load(str(model_path))
    view = GraphView(model.graph)
    shared = _share_pooled(view, ranges)
    quantizer = _quantizer(model, shared, exclude=_not_residual(view))
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    quantized = quantizer.model.model
    freed = repair_residuals(quantized)
    _note_scales(onnx, quantized, {name: shared[name] for name in freed})
    onnx.checker.check_model(quantized)
    return quantized


def _quantizer(model: Any, ranges: Ranges, exclude: list[str]) -> Any:
    quantization = require("onnxruntime.quantization", remedy=REMEDY)
    calibrate = require("onnxruntime.quantization.calibrate", remedy=REMEDY)
    qdq = require("onnxruntime.quantization.qdq_quantizer", remedy=REMEDY)
    int8 = quantization.QuantType.QInt8
    data = {
        name: calibrate.TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    return qdq.QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=int8,
        activation_qType=int8,
        tensors_range=data,
        nodes_to_quantize=[],
        nodes_to_exclude=exclude,
        op_types_to_quantize=list(QUANTIZED),
        extra_options=OPTIONS,
    )


def _not_residual(view: GraphView) -> list[str]:
    """Names of the Adds that belong to the float input stage, not to a residual block.

    Raises:
        DataError: such an Add has no name to exclude it by.
    """
    residual = {id(add) for add in residual_adds(view)}
    plain = [add.name for add in view.of_type("Add") if id(add) not in residual]
    if "" in plain:
        raise DataError("the float32 model has an Add without a name. Export it again.")
    return plain


def _share_pooled(view: GraphView, ranges: Ranges) -> dict[str, tuple[float, float]]:
    """Give a MaxPool's input the range of its output.

    Only values that come out of the pool matter, and with one scale on both sides the pool runs
    on the INT8 values themselves.
    """
    shared = dict(ranges)
    for pool in view.of_type("MaxPool"):
        shared[pool.input[0]] = ranges[pool.output[0]]
    return shared


def _note_scales(onnx: Any, model: Any, ranges: Ranges) -> None:
    """Keep the scales of the tensors that stay in float here and not on x86, as metadata."""
    scales = {name: max(abs(low), abs(high)) / LEVELS for name, (low, high) in ranges.items()}
    onnx.helper.set_model_props(model, {SCALES_KEY: json.dumps(scales)})
