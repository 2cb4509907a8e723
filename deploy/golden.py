"""Golden pictures: known input, known logits, checked each time a backend is opened.

They go the whole way from picture file through preprocessing to logits, so a wrong colour order,
another scaling, a stale engine or a processor whose INT8 arithmetic saturates shows at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.bundle import Bundle
from deploy.errors import BackendError, BundleError
from deploy.files import write_json
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture
from deploy.settings import from_mapping

if TYPE_CHECKING:  # the backends check themselves with this module
    from deploy.backends.base import Backend

EXPECTED = "golden/expected.json"
REFERENCE = {"fp16": "fp32"}  # half precision must say what float32 says, as nearly


@dataclass(frozen=True)
class Golden:
    """What `golden/expected.json` says.

    pictures: files in the same folder.
    logits: for each precision, a list of C logits for each picture.
    tolerance: for each precision, the largest allowed gap between logits.
    why: where the tolerances come from.
    """

    pictures: tuple[str, ...]
    logits: dict[str, list[list[float]]]
    tolerance: dict[str, float]
    why: str


def golden_batch(bundle: Bundle, golden: Golden) -> ByteArray:
    """The golden pictures as the network takes them: (N, size, size, 3) uint8, RGB."""
    manifest = bundle.manifest
    folder = bundle.root / "golden"
    squares = [
        preprocess_picture(read_picture(folder / name), manifest.framing, manifest.input)
        for name in golden.pictures
    ]
    return np.stack(squares)


def read_golden(bundle: Bundle) -> Golden | None:
    """The bundle's golden pictures and logits, or None where it has none."""
    said = bundle.read_json(EXPECTED)
    if not said:
        return None
    return from_mapping(Golden, said, where=str(bundle.root / EXPECTED))


def write_golden(root: Path, golden: Golden) -> None:
    """Write `golden/expected.json` into a bundle that is being made.

    Raises:
        BundleError: a logit or a tolerance is not a finite number.
    """
    numbers = [*golden.logits.values(), [list(golden.tolerance.values())]]
    if not all(np.isfinite(part).all() for part in numbers):
        raise BundleError(
            f"the model in {root} gives logits that are no numbers for the golden pictures. "
            "Train again with a lower --lr, or calibrate with another --method."
        )
    write_json(root / EXPECTED, golden.__dict__)


class Expected(NamedTuple):
    """(N, C) logits, and how far from them a backend may be."""

    logits: FloatArray
    tolerance: float


def check_golden(bundle: Bundle, backend: Backend) -> float | None:
    """Run the golden pictures and compare.

    Returns:
        The largest gap between a logit and its expected value; None where the bundle expects
        nothing of such a model.

    Raises:
        BackendError: a gap is above the tolerance.
    """
    golden = read_golden(bundle)
    expected = None if golden is None else _expected(golden, backend)
    if golden is None or expected is None:
        return None
    gap = largest_gap(infer_one_by_one(backend, golden_batch(bundle, golden)), expected.logits)
    if not gap <= expected.tolerance:
        raise BackendError(
            f"{backend.name} with the {backend.precision} model of {bundle.root} is off on this "
            f"machine: a logit of a golden picture differs by {gap:.3f}, allowed is "
            f"{expected.tolerance:.3f}. Try another --precision or another --backend."
        )
    return gap


def _expected(golden: Golden, backend: Backend) -> Expected | None:
    if getattr(backend, "own_ranges", False):
        return _near_float32(golden)
    reference = REFERENCE.get(backend.precision, backend.precision)
    if reference not in golden.logits:
        return None
    return Expected(np.asarray(golden.logits[reference], np.float32), golden.tolerance[reference])


def _near_float32(golden: Golden) -> Expected | None:
    """For INT8 by ranges that are not the bundle's: as near to float32 as the bundle's INT8 is."""
    if not {"fp32", "int8"} <= set(golden.logits):
        return None
    fp32, int8 = (np.asarray(golden.logits[name], np.float32) for name in ("fp32", "int8"))
    room = golden.tolerance["fp32"] + golden.tolerance["int8"]
    return Expected(fp32, largest_gap(int8, fp32) + room)


def infer_one_by_one(backend: Backend, batch: ByteArray) -> FloatArray:
    """(N, C) logits, one picture a call as the live loop does, which also warms the backend up."""
    return np.concatenate([backend.infer(batch[i : i + 1]).logits for i in range(len(batch))])


def largest_gap(logits: FloatArray, expected: FloatArray) -> float:
    """The largest absolute difference between two arrays of logits; infinite if not comparable."""
    if logits.shape != expected.shape:
        return float("inf")
    return float(np.abs(logits - expected).max())
