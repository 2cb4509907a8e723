"""How familiar the golden pictures are: a check of the embedding, of which logits say too little.

One number a picture in place of the embedding's 2,048, and the very one that a stone is referred
by. It belongs to one `familiarity.npy`, which it names: of another it says nothing. It lies in a
file of its own, so that an older gemscan opens such a bundle as it opens any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from deploy.arrays import FloatArray
from deploy.bundle import FAMILIARITY, Bundle
from deploy.familiarity import Familiarity, read_familiarity
from deploy.files import write_json
from deploy.golden.golden import Golden, largest_gap, read_golden
from deploy.settings import from_mapping

if TYPE_CHECKING:  # it opens backends, which are checked with this module
    from deploy.golden.ways import Heard

EXPECTED = "golden/familiarity.json"
FACTORS = {"fp32": 4, "int8": 2}  # room for what was not at hand, as the logits have it
LEAST_TOLERANCE = 0.1  # float16 moved that of the shipped models' golden pictures by up to 0.03


@dataclass(frozen=True)
class GoldenFamiliarity:
    """What `golden/familiarity.json` says.

    of: SHA-256 of the `familiarity.npy` that gave the values.
    values: for each precision, one for each golden picture.
    tolerance: for each precision, the largest allowed gap.
    why: for each precision, where its tolerance comes from.
    """

    of: str
    values: dict[str, list[float]]
    tolerance: dict[str, float]
    why: dict[str, str]


def read_golden_familiarity(bundle: Bundle) -> GoldenFamiliarity | None:
    """What is expected, or None: the bundle keeps nothing, or it is of another familiarity."""
    said = bundle.read_json(EXPECTED)
    if not said:
        return None
    kept = from_mapping(GoldenFamiliarity, said, where=str(bundle.root / EXPECTED))
    return kept if kept.of == bundle.manifest.files.get(FAMILIARITY) else None


def familiarity_of(golden: Golden, familiarity: Familiarity, embedding: FloatArray) -> FloatArray:
    """(N,) familiarity of the golden pictures with the kinds that the golden logits name.

    Not with those that a backend names: where two labels are nearly as likely, it would jump.
    """
    named = golden.logits["fp32" if "fp32" in golden.logits else "int8"]
    rows = zip(np.asarray(named, np.float32), embedding, strict=True)
    return np.array([familiarity.score(*row) for row in rows], np.float32)


def add_golden_familiarity(bundle: Bundle, heard: Mapping[str, Heard]) -> None:
    """Keep the golden pictures' familiarity in a bundle that is being made, where it has one.

    Args:
        heard: what was said of the golden pictures, for each precision that is to be kept. What
            is kept of others stays, unless it is of another `familiarity.npy`.

    Raises:
        StorageError: it cannot be written.
    """
    golden, familiarity = read_golden(bundle), read_familiarity(bundle)
    if golden is None or familiarity is None or not golden.logits:
        return
    kept = read_golden_familiarity(bundle)
    said = asdict(kept or GoldenFamiliarity(bundle.manifest.files[FAMILIARITY], {}, {}, {}))
    for precision, each in heard.items():
        found = {
            name: familiarity_of(golden, familiarity, other.embedding)
            for name, other in each.others.items()
        }
        expected = familiarity_of(golden, familiarity, each.expected.embedding)
        gaps = {name: largest_gap(values, expected) for name, values in found.items()}
        said["values"][precision] = expected.tolist()
        said["tolerance"][precision] = _tolerance(precision, gaps)
        said["why"][precision] = _why(precision, gaps)
    write_json(bundle.root / EXPECTED, said)


def _tolerance(precision: str, gaps: Mapping[str, float]) -> float:
    return round(max(LEAST_TOLERANCE, FACTORS[precision] * max(gaps.values())), 3)


def _why(precision: str, gaps: Mapping[str, float]) -> str:
    seen = "; ".join(f"{name} {gap:.3f}" for name, gap in gaps.items())
    return (
        f"{FACTORS[precision]} times the largest gap seen, and at least {LEAST_TOLERANCE}. "
        f"Seen: {seen}."
    )
