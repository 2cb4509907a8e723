"""The INT8 logits expected for a bundle's golden pictures, and how far they may stray."""

from __future__ import annotations

from dataclasses import replace

from deploy.arrays import FloatArray
from deploy.bundle import Bundle
from deploy.golden.familiarity import add_golden_familiarity
from deploy.golden.golden import Golden, golden_batch, largest_gap, read_golden, write_golden
from deploy.golden.ways import hear

LEAST_TOLERANCE = 0.05
FACTOR = 2  # room for a processor or a picture reader that was not at hand
MARK = " int8: "


def add_golden_int8(bundle: Bundle) -> float | None:
    """Add the INT8 logits, familiarity and tolerances to a bundle that is being written.

    Returns:
        The tolerance of logits, or None where the bundle has no golden pictures.
    """
    golden = read_golden(bundle)
    if golden is None:
        return None
    heard = hear(bundle, "int8", golden_batch(bundle, golden))
    expected = heard.expected.logits
    gaps = {name: largest_gap(said.logits, expected) for name, said in heard.others.items()}
    tolerance = round(max(LEAST_TOLERANCE, FACTOR * max(gaps.values())), 3)
    write_golden(bundle.root, _with_int8(golden, expected, tolerance, gaps))
    add_golden_familiarity(bundle, {"int8": heard})
    return tolerance


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
