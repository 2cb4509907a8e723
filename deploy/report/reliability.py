"""Is a model as sure as it is right? Bins of confidence, and the error they add up to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.evaluation.scores import wilson_interval

BINS = 15  # of equal width, as Guo et al. 2017 have it, so that numbers can be compared
DRAWS = 400


@dataclass(frozen=True)
class Bin:
    """The pictures whose first label has a confidence above `low` and up to `high`.

    confidence: their mean. right: the part of them that is right; low_right, high_right: its
        95 % interval.
    """

    low: float
    high: float
    n: int
    confidence: float
    right: float
    low_right: float
    high_right: float


@dataclass(frozen=True)
class Reliability:
    """The bins that hold pictures, and what they amount to, as parts of 1.

    error: the expected calibration error.
    chance: the error that a perfectly calibrated model with these confidences shows on so few
        pictures, on average.
    """

    bins: tuple[Bin, ...]
    error: float
    chance: float


def reliability(confidences: FloatArray, targets: npt.NDArray[np.int64]) -> Reliability:
    """Sort pictures by the confidence of their first label, and count how many are right.

    Args:
        confidences: (N, C), rows sum to 1; N is at least 1.
        targets: (N,) class numbers.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3. With few
        pictures a bin is off by chance alone; `chance` says by how much, from right and wrong
        drawn anew by the confidences (Bröcker and Smith 2007, "Increasing the Reliability of
        Reliability Diagrams", section 3).
    """
    sure = np.asarray(confidences.max(axis=1), np.float64)
    right = confidences.argmax(axis=1) == targets
    place = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    bins = tuple(_bin(number, sure, right, place) for number in np.unique(place))
    drawn = np.random.default_rng(0).random((DRAWS, len(sure))) < sure
    chance = float(np.mean([_error(sure, row, place) for row in drawn]))
    return Reliability(bins, _error(sure, right, place), chance)


def _error(
    sure: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], place: npt.NDArray[np.int64]
) -> float:
    """The mean over pictures of their bin's |accuracy - confidence|."""
    gaps = np.bincount(place, weights=right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))


def _bin(
    number: int,
    sure: npt.NDArray[np.float64],
    right: npt.NDArray[np.bool_],
    place: npt.NDArray[np.int64],
) -> Bin:
    here = place == number
    hits, n = int(right[here].sum()), int(here.sum())
    low_right, high_right = wilson_interval(hits, n)
    return Bin(
        low=number / BINS,
        high=(number + 1) / BINS,
        n=n,
        confidence=float(sure[here].mean()),
        right=hits / n,
        low_right=low_right,
        high_right=high_right,
    )
