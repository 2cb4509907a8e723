"""The INT8 logits expected for a bundle's golden pictures, and how far they may stray."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration.quantize import REMEDY
from deploy.arrays import ByteArray, FloatArray
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle
from deploy.errors import require
from deploy.golden import (
    Golden,
    golden_batch,
    infer_one_by_one,
    largest_gap,
    read_golden,
    write_golden,
)

LEAST_TOLERANCE = 0.05
FACTOR = 2  # room for a processor or a picture reader that was not at hand
MARK = " int8: "


def add_golden_int8(bundle: Bundle) -> float | None:
    """Add the INT8 logits and their tolerance to a bundle that is being written.

    Returns:
        The tolerance, or None where the bundle has no golden pictures.
    """
    golden = read_golden(bundle)
    if golden is None:
        return None
    batch = golden_batch(bundle, golden)
    with OnnxCpuBackend(bundle, "int8") as backend:
        expected = infer_one_by_one(backend, batch)
    gaps = _gaps(bundle, batch, expected)
    tolerance = round(max(LEAST_TOLERANCE, FACTOR * max(gaps.values())), 3)
    write_golden(bundle.root, _with_int8(golden, expected, tolerance, gaps))
    return tolerance


def _gaps(bundle: Bundle, batch: ByteArray, expected: FloatArray) -> dict[str, float]:
    """How far the logits move under what differs between devices, all of it right."""
    steps = np.random.default_rng(0).integers(-1, 2, batch.shape)
    moved = np.clip(batch + steps, 0, 255).astype(np.uint8)
    with (
        OnnxCpuBackend(bundle, "int8", threads=1) as one,
        OnnxCpuBackend(bundle, "int8", threads=2) as two,
    ):
        return {
            "one thread": largest_gap(infer_one_by_one(one, batch), expected),
            "two threads": largest_gap(infer_one_by_one(two, batch), expected),
            "all pictures in one batch": largest_gap(two.infer(batch).logits, expected),
            "every pixel moved by at most one level": largest_gap(
                infer_one_by_one(two, moved), expected
            ),
            "the signed graph as TensorRT and ARM run it": largest_gap(
                _signed_logits(bundle.model("int8"), batch), expected
            ),
        }


def _signed_logits(model: Path, batch: ByteArray) -> FloatArray:
    """(N, C) logits of the graph as it is stored, whatever this processor prefers."""
    ort = require("onnxruntime", remedy=REMEDY)
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    rows = [session.run(["logits"], {"image": square[None]})[0] for square in batch]
    return np.concatenate(rows)


def _with_int8(
    golden: Golden, expected: FloatArray, tolerance: float, gaps: dict[str, float]
) -> Golden:
    seen = "; ".join(f"{name} {gap:.3f}" for name, gap in gaps.items())
    why = (
        f"{FACTOR} times the largest gap seen between these logits, which are ONNX Runtime's on "
        f"the machine that calibrated, and others that are as right, and at least "
        f"{LEAST_TOLERANCE}. Seen: {seen}."
    )
    return replace(
        golden,
        logits=golden.logits | {"int8": expected.tolist()},
        tolerance=golden.tolerance | {"int8": tolerance},
        why=golden.why.split(MARK)[0] + MARK + why,
    )
