"""Golden pictures: known input, known logits, for `deploy.golden.check`.

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
from deploy.errors import BundleError
from deploy.files import write_json
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture
from deploy.settings import from_mapping

if TYPE_CHECKING:  # the backends are checked with this module
    from deploy.backends.base import Backend

EXPECTED = "golden/expected.json"


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


class Said(NamedTuple):
    """(N, C) logits and (N, 2048) embeddings of N pictures."""

    logits: FloatArray
    embedding: FloatArray


def infer_one_by_one(backend: Backend, batch: ByteArray) -> Said:
    """One picture a call as the live loop does, which also warms the backend up."""
    said = [backend.infer(batch[i : i + 1]) for i in range(len(batch))]
    return Said(
        np.concatenate([each.logits for each in said]),
        np.concatenate([each.embedding for each in said]),
    )


def largest_gap(found: FloatArray, expected: FloatArray) -> float:
    """The largest absolute difference between two arrays; infinite if not comparable."""
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max())
