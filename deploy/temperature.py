"""Temperature scaling: one number that makes a model as sure as it is right.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. The order of the
labels, and so the accuracy, stays as it was.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.decision import probabilities

# Where every picture is right, surer is always better and the fit would run away.
LOWEST, HIGHEST = 0.05, 20.0
HALVINGS = 40  # of the range of log T: to about 1e-11


def fit_temperature(logits: FloatArray, targets: npt.NDArray[np.int64]) -> float:
    """The temperature with the lowest mean cross entropy, from `LOWEST` to `HIGHEST`.

    The cross entropy is convex in 1/T, so its slope has one zero, which is found by halving.

    Args:
        logits: (N, C) float32 of pictures that taught nothing, not yet divided by anything.
        targets: (N,) class numbers.

    Raises:
        ValueError: there are no pictures, or a logit is not a number.
    """
    if not len(logits) or not np.isfinite(logits).all():
        raise ValueError("a temperature is fitted to at least one picture and to finite logits")
    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _too_sure(logits, targets, math.exp(middle)):
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _too_sure(logits: FloatArray, targets: npt.NDArray[np.int64], temperature: float) -> bool:
    """Whether a higher temperature lowers the cross entropy.

    Its slope by 1/T is the mean of (the logit that is expected, less that of the true label).
    """
    wide = np.asarray(logits, np.float64)
    powers = np.exp((wide - wide.max(axis=1, keepdims=True)) / temperature)
    expected = (powers * wide).sum(axis=1) / powers.sum(axis=1)
    return bool((expected - wide[np.arange(len(wide)), targets]).mean() > 0)


def cross_fitted(
    logits: FloatArray, targets: npt.NDArray[np.int64], folds: int = 5, seed: int = 0
) -> FloatArray:
    """Confidences of which none was scaled by a temperature that knew the picture.

    The pictures are dealt into folds; each fold's temperature is fitted on all the others. A
    temperature that is judged on the pictures that chose it looks better than it is. The deal
    does not depend on the order in which the pictures come.

    Args:
        logits, targets: as `fit_temperature` takes them; at least 2 pictures.
        folds: as many as there are pictures, where those are fewer.
        seed: of the deal.

    Returns:
        (N, C) float32, rows sum to 1, in the order of `logits`.

    Raises:
        ValueError: as `fit_temperature`; also for a single picture.
    """
    order = np.lexsort(logits.T)[np.random.default_rng(seed).permutation(len(logits))]
    confidences = np.empty(np.shape(logits), np.float32)
    for fold in np.array_split(order, min(folds, len(order))):
        others = np.setdiff1d(order, fold)
        temperature = fit_temperature(logits[others], targets[others])
        confidences[fold] = probabilities(logits[fold], temperature)
    return confidences
