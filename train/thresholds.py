"""When to name a stone, when to give a short list, and when to refer: from validation pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.decision import Decision, probabilities

NAMED_RIGHT = 0.95  # of the stones that are named
LISTED_RIGHT = 0.95  # of the short lists, the right name is among them
LOWEST, HIGHEST = 0.3, 0.95


def choose_decision(logits: FloatArray, targets: npt.NDArray[np.int64]) -> Decision:
    """Choose both thresholds as low as the validation pictures allow.

    Args:
        logits: (N, C) float32 of pictures that taught nothing.
        targets: (N,) class numbers.
    """
    confidences = probabilities(logits, 1.0)
    first = confidences.max(axis=1)
    name_at_least = _lowest(first, confidences.argmax(axis=1) == targets, NAMED_RIGHT)
    rest = first < name_at_least
    together, right = _lists(confidences[rest], targets[rest], Decision().list_length)
    list_at_least = _lowest(together, right, LISTED_RIGHT)
    return Decision(name_at_least=name_at_least, list_at_least=list_at_least)


def _lowest(scores: FloatArray, right: npt.NDArray[np.bool_], share: float) -> float:
    """The lowest threshold above which `share` of the answers are right."""
    order = np.argsort(-scores)
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(shares >= share)
    if len(good) == 0:
        return HIGHEST
    lowest = float(scores[order[good[-1]]])
    return round(min(max(lowest, LOWEST), HIGHEST), 4)


def _lists(
    confidences: FloatArray, targets: npt.NDArray[np.int64], length: int
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """What the `length` best labels sum to, and whether the right one is among them."""
    order = np.argsort(-confidences, axis=1)[:, :length]
    together = np.take_along_axis(confidences, order, axis=1).sum(axis=1)
    return together, (order == targets[:, None]).any(axis=1)
