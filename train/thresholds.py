"""When to name a stone, when to give a short list, and when to refer: from validation pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.decision import LIST, Decision, decide, probabilities

NAMED_RIGHT = 0.98  # of the stones that are named
LISTED_RIGHT = 0.95  # of the short lists, the right name is on them
LOWEST = 0.3
NEVER = 1.0  # a threshold that practically nothing reaches
STEP = 0.01


def choose_decision(logits: FloatArray, targets: npt.NDArray[np.int64]) -> Decision:
    """Choose both thresholds as low as the validation pictures allow.

    Args:
        logits: (N, C) float32 of pictures that taught nothing.
        targets: (N,) class numbers.
    """
    confidences = probabilities(logits, Decision().temperature)
    name_at_least = _lowest_name(confidences, targets)
    decision = Decision(name_at_least=name_at_least, list_at_least=NEVER)
    for list_at_least in np.arange(NEVER, LOWEST, -STEP):
        lower = replace(decision, list_at_least=round(float(list_at_least), 4))
        if listed_right(confidences, targets, lower) < LISTED_RIGHT:
            break
        decision = lower
    return decision


def _lowest_name(confidences: FloatArray, targets: npt.NDArray[np.int64]) -> float:
    """The lowest confidence above which `NAMED_RIGHT` of the first labels are right."""
    first = confidences.max(axis=1)
    order = np.argsort(-first)
    right = (confidences.argmax(axis=1) == targets)[order]
    shares = np.cumsum(right) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(shares >= NAMED_RIGHT)
    if len(good) == 0:
        return NEVER
    return max(float(first[order[good[-1]]]), LOWEST)


def listed_right(
    confidences: FloatArray, targets: npt.NDArray[np.int64], decision: Decision
) -> float:
    """Of the pictures that get a short list, the share with the right name on it; 1 for none."""
    numbers = [str(number) for number in range(confidences.shape[1])]
    hits = []
    for row, target in zip(confidences, targets, strict=True):
        verdict = decide(row, numbers, decision)
        if verdict.kind == LIST:
            hits.append(str(target) in [c.label for c in verdict.candidates[: verdict.listed]])
    return float(np.mean(hits)) if hits else 1.0
