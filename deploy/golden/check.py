"""Is a backend right on this machine? Its golden pictures say so each time that one is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deploy.arrays import FloatArray
from deploy.bundle import Bundle
from deploy.errors import BackendError
from deploy.familiarity import read_familiarity
from deploy.golden.familiarity import familiarity_of, read_golden_familiarity
from deploy.golden.golden import Golden, golden_batch, infer_one_by_one, largest_gap, read_golden

if TYPE_CHECKING:  # the backends are checked with this module
    from deploy.backends.base import Backend

REFERENCE = {"fp16": "fp32"}  # half precision must say what float32 says, as nearly


class Expected(NamedTuple):
    """(N, ...) values, and how far from them a backend may be."""

    values: FloatArray
    tolerance: float


def check_golden(bundle: Bundle, backend: Backend) -> float | None:
    """Run the golden pictures and compare logits, and familiarity where the bundle keeps it.

    Returns:
        The largest gap between a logit and its expected value; None where the bundle expects
        nothing of such a model.

    Raises:
        BackendError: a gap is above the tolerance.
    """
    golden = read_golden(bundle)
    if golden is None:
        return None
    expected = _expected(golden.logits, golden.tolerance, backend)
    if expected is None:
        return None
    said = infer_one_by_one(backend, golden_batch(bundle, golden))
    gap = _held(bundle, backend, "a logit", said.logits, expected)
    _check_familiarity(bundle, backend, golden, said.embedding)
    return gap


def _check_familiarity(
    bundle: Bundle, backend: Backend, golden: Golden, embedding: FloatArray
) -> None:
    kept, familiarity = read_golden_familiarity(bundle), read_familiarity(bundle)
    if kept is None or familiarity is None:
        return
    rounded = backend.precision != "int8" and "fp32" not in bundle.precisions
    expected = _expected(kept.values, kept.tolerance, backend, rounded=rounded)
    if expected is not None:
        found = familiarity_of(golden, familiarity, embedding)
        _held(bundle, backend, "the familiarity", found, expected)


def _held(
    bundle: Bundle, backend: Backend, what: str, found: FloatArray, expected: Expected
) -> float:
    """The largest gap.

    Raises:
        BackendError: it is above the tolerance.
    """
    gap = largest_gap(found, expected.values)
    if not gap <= expected.tolerance:  # so that NaN is above it too
        raise BackendError(
            f"{backend.name} with the {backend.precision} model of {bundle.root} is off on this "
            f"machine: {what} of a golden picture differs by {gap:.3f}, allowed is "
            f"{expected.tolerance:.3f}. Try another --precision or another --backend."
        )
    return gap


def _expected(
    values: Mapping[str, Any],
    tolerance: Mapping[str, float],
    backend: Backend,
    *,
    rounded: bool = False,
) -> Expected | None:
    """What is expected of a backend, or None.

    Args:
        values: for each precision.
        tolerance: for each precision.
        rounded: its weights are those of INT8, whatever it computes in.
    """
    if rounded or getattr(backend, "own_ranges", False):
        return _near_float32(values, tolerance)
    reference = REFERENCE.get(backend.precision, backend.precision)
    if reference not in values:
        return None
    return Expected(np.asarray(values[reference], np.float32), tolerance[reference])


def _near_float32(values: Mapping[str, Any], tolerance: Mapping[str, float]) -> Expected | None:
    """For INT8 by ranges that are not the bundle's: as near to float32 as the bundle's INT8 is."""
    if not {"fp32", "int8"} <= set(values):
        return None
    fp32, int8 = (np.asarray(values[name], np.float32) for name in ("fp32", "int8"))
    return Expected(fp32, largest_gap(int8, fp32) + tolerance["fp32"] + tolerance["int8"])
