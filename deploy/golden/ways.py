"""What a model says of its bundle's golden pictures, and what others that are as right may say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.arrays import ByteArray
from deploy.backends.onnx_cpu import REMEDY, OnnxCpuBackend
from deploy.bundle import Bundle
from deploy.errors import require
from deploy.golden.familiarity import add_golden_familiarity
from deploy.golden.golden import Said, golden_batch, infer_one_by_one, read_golden

MOVED = "every pixel moved by at most one level"


@dataclass(frozen=True)
class Heard:
    """What was said of the golden pictures.

    expected: by ONNX Runtime on this machine.
    others: under what differs between devices, all of it right, by its name.
    """

    expected: Said
    others: dict[str, Said]


def hear(bundle: Bundle, precision: str, batch: ByteArray) -> Heard:
    """Run the golden pictures in each way.

    Args:
        batch: (N, size, size, 3) uint8, RGB, the golden pictures.

    Raises:
        BundleError: the bundle does not hold this precision, or its model cannot be loaded.
    """
    with OnnxCpuBackend(bundle, precision) as backend:
        expected = infer_one_by_one(backend, batch)
    with (
        OnnxCpuBackend(bundle, precision, threads=1) as one,
        OnnxCpuBackend(bundle, precision, threads=2) as two,
    ):
        others = {
            "one thread": infer_one_by_one(one, batch),
            "two threads": infer_one_by_one(two, batch),
            "all pictures in one batch": Said(*two.infer(batch)),
            MOVED: infer_one_by_one(two, moved(batch, seed=0)),
        }
    if precision == "int8":
        stored = _as_stored(bundle.model("int8"), batch)
        others["the signed graph as TensorRT and ARM run it"] = stored
    return Heard(expected, others)


def renew_golden_familiarity(bundle: Bundle) -> None:
    """Keep the golden pictures' familiarity anew, for each model that the bundle holds.

    Raises:
        StorageError: it cannot be written.
    """
    golden = read_golden(bundle)
    if golden is not None:
        batch = golden_batch(bundle, golden)
        known = [precision for precision in bundle.precisions if precision in golden.logits]
        add_golden_familiarity(bundle, {p: hear(bundle, p, batch) for p in known})


def moved(pixels: ByteArray, seed: int) -> ByteArray:
    """The same with every pixel moved by at most one level at random, as by another resizing."""
    steps = np.random.default_rng(seed).integers(-1, 2, pixels.shape)
    return np.asarray(np.clip(pixels + steps, 0, 255), np.uint8)


def _as_stored(model: Path, batch: ByteArray) -> Said:
    """What the graph says as it is stored, whatever this processor prefers."""
    ort = require("onnxruntime", remedy=REMEDY)
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    rows = [session.run(["logits", "embedding"], {"image": square[None]}) for square in batch]
    return Said(*(np.concatenate(part) for part in zip(*rows, strict=True)))
