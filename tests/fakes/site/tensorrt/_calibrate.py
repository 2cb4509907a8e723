"""Implicit INT8: asking the calibrator for batches, and quantizing by what they showed."""

from __future__ import annotations

import struct
from typing import Any

import fake_gpu
import numpy as np
import onnx
from onnx import helper, numpy_helper

from tensorrt._base import call_back, numpy_of, say
from tensorrt._enums import DataType
from tensorrt._graph import Graph
from tensorrt._record import NUMBERS
from tensorrt._run import new_session, read_device

ILLEGAL = "Error Code 1: Cuda Runtime (an illegal memory access was encountered)"
NO_SCALES = (
    "Error Code 4: Internal Error (Calibration failure occurred with no scaling factors detected. "
    "This could be due to no int8 calibrator or insufficient custom scales for network layers. "
    "Please see int8 sample to setup calibration correctly.)"
)
FIRST_LINE = (
    "TRT-{}{:0>2}{:0>2}-EntropyCalibration2"
    if NUMBERS[0] > 9
    else "TRT-{}{}{:0>2}-EntropyCalibration2"
)


def calibrated(
    graph: Graph, calibrator: Any, inputs: list[dict[str, Any]], logger: Any
) -> bytes | None:
    """The model with the activations of its Convs quantized; None, logged, without any range.

    Args:
        inputs: name, dtype and calibration shape of each input.
    """
    batch_size = call_back(calibrator, "get_batch_size", otherwise=-1)
    say(logger, "INFO", f"Calibrating with batch size {batch_size}")
    tensors = quantizable(graph)
    ranges = from_cache(call_back(calibrator, "read_calibration_cache"), logger)
    if ranges is None:
        try:
            ranges = measured(graph, calibrator, inputs, tensors)
        except fake_gpu.DeviceFault:
            fake_gpu.lose()
            return say(logger, "ERROR", ILLEGAL)
        if ranges:
            hand_over(calibrator, as_cache(ranges))
    if not set(tensors) <= set(ranges):
        return say(logger, "ERROR", NO_SCALES)
    return quantized(graph.model, {name: ranges[name] for name in tensors})


def quantizable(graph: Graph) -> list[str]:
    """The float tensors that Convs read."""
    return list(dict.fromkeys(node.input[0] for node in graph.nodes if node.op_type == "Conv"))


def measured(
    graph: Graph, calibrator: Any, inputs: list[dict[str, Any]], tensors: list[str]
) -> dict[str, float]:
    """The largest magnitude of each tensor over all batches."""
    session = new_session(with_outputs(graph.model, tensors))
    ranges: dict[str, float] = {}
    while addresses := next_batch(calibrator, [item["name"] for item in inputs]):
        feed = {
            item["name"]: read_device(
                address, item["shape"], numpy_of(getattr(DataType, item["dtype"]))
            )
            for item, address in zip(inputs, addresses, strict=True)
        }
        for name, values in zip(tensors, session.run(tensors, feed), strict=True):
            ranges[name] = max(ranges.get(name, 1e-6), float(np.abs(values).max()))
    return ranges


def next_batch(calibrator: Any, names: list[str]) -> list[int]:
    """Device addresses in the order of names; empty at the end, or where Python raised."""
    found = call_back(calibrator, "get_batch", names)
    try:
        addresses = [int(address.__index__()) for address in found or []]
    except Exception as exc:
        call_back(_Raises(exc), "get_batch")
        return []
    if addresses and len(addresses) != len(names):
        raise fake_gpu.forbid(f"get_batch gave {len(addresses)} addresses for {len(names)} inputs")
    return addresses


class _Raises:
    """Reports a failed conversion as the binding does: as an exception of the method."""

    def __init__(self, exc: Exception) -> None:
        self._exc = exc

    def get_batch(self) -> None:
        raise self._exc


def hand_over(calibrator: Any, cache: bytes) -> None:
    """Give the cache out as a view that is dead after the call."""
    view = memoryview(cache)
    call_back(calibrator, "write_calibration_cache", view)
    view.release()


def as_cache(ranges: dict[str, float]) -> bytes:
    """The text form: a tag of the version, then each tensor's scale, a float's bits in hex."""
    lines = [FIRST_LINE.format(*NUMBERS)]
    lines += [f"{n}: {struct.pack('>f', r / 127).hex()}" for n, r in ranges.items()]
    return ("\n".join(lines) + "\n").encode()


def from_cache(cache: Any, logger: Any) -> dict[str, float] | None:
    """Ranges from a cache; None where there is none, or another version's."""
    lines = bytes(cache).decode(errors="replace").splitlines() if cache else []
    if not lines:
        return None
    if lines[0] != FIRST_LINE.format(*NUMBERS):
        say(
            logger,
            "WARNING",
            "Calibration table does not match calibrator algorithm type or version.",
        )
        return None
    pairs = [line.rpartition(": ") for line in lines[1:]]
    return {name: struct.unpack(">f", bytes.fromhex(bits))[0] * 127 for name, _, bits in pairs}


def with_outputs(model: Any, tensors: list[str]) -> bytes:
    """The model with more outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    there = {value.name for value in copy.graph.output}
    for name in tensors:
        if name not in there:
            copy.graph.output.append(helper.make_empty_tensor_value_info(name))
    data: bytes = copy.SerializeToString()
    return data


def quantized(model: Any, ranges: dict[str, float]) -> bytes:
    """The model with a Q/DQ pair on each tensor that a Conv reads."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    pairs: dict[str, list[Any]] = {name: pair(copy.graph, name, r) for name, r in ranges.items()}
    nodes: list[Any] = []
    for node in copy.graph.node:
        if node.op_type == "Conv" and node.input[0] in ranges:
            nodes.extend(pairs.pop(node.input[0], []))
            node.input[0] = f"{node.input[0]}_calibrated"
        nodes.append(node)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    data: bytes = copy.SerializeToString()
    return data


def pair(graph: Any, name: str, largest: float) -> list[Any]:
    """Q and DQ for a tensor, their constants added to the graph."""
    scale, zero = f"{name}_scale", f"{name}_zero"
    graph.initializer.append(numpy_helper.from_array(np.array(largest / 127, np.float32), scale))
    graph.initializer.append(numpy_helper.from_array(np.array(0, np.int8), zero))
    made, back = f"{name}_int8", f"{name}_calibrated"
    return [
        helper.make_node("QuantizeLinear", [name, scale, zero], [made], name=made),
        helper.make_node("DequantizeLinear", [made, scale, zero], [back], name=back),
    ]
