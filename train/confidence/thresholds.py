"""When to name a stone, when to give a short list, and when to refer: from validation pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.decision import LIST, Decision, decide, probabilities
from deploy.temperature import fit_temperature

LOWEST = 0.3
NEVER = 1.0  # a threshold that practically nothing reaches
STEP = 0.01


@dataclass(frozen=True)
class Asked:
    """What is asked of a decision, each from 0 to 1.

    named_right: of the stones that are named, so many are to be named right.
    listed_right: of the short lists, so many are to hold the right name.
    known_kept: of the stones of known kinds, so many are to pass as familiar.
    """

    named_right: float = 0.98
    listed_right: float = 0.95
    known_kept: float = 0.9


ASKED = Asked()


def choose_decision(
    logits: FloatArray,
    targets: npt.NDArray[np.int64],
    familiarity: npt.NDArray[np.float64] | None = None,
    asked: Asked = ASKED,
) -> Decision:
    """Choose every threshold as low as the validation pictures allow.

    Naming asks for a margin over the second label: at the same share of right names it names more
    stones than the confidence of the first label does (docs/confidence.md).

    Args:
        logits: (N, C) float32 of pictures that taught nothing.
        targets: (N,) class numbers.
        familiarity: (N,) of the same pictures; None where the bundle will not tell.
    """
    temperature = fit_temperature(logits, targets)
    least = None
    if familiarity is not None:
        least = float(np.quantile(familiarity, 1 - asked.known_kept))
        familiar = familiarity >= least
        logits, targets = logits[familiar], targets[familiar]
    confidences = probabilities(logits, temperature)
    margin = _lowest_margin(confidences, targets, asked.named_right)
    decision = Decision(temperature, LOWEST, margin, list_at_least=NEVER)
    for list_at_least in np.arange(NEVER, LOWEST, -STEP):
        lower = replace(decision, list_at_least=round(float(list_at_least), 4))
        # Few get a list by the highest thresholds, of which one that is wrong is too many.
        if listed_right(confidences, targets, lower) >= asked.listed_right:
            decision = lower
    return replace(decision, familiar_at_least=least)


def _lowest_margin(
    confidences: FloatArray, targets: npt.NDArray[np.int64], named_right: float
) -> float:
    """The lowest margin above which `named_right` of the first labels are right."""
    ranked = np.sort(confidences.astype(np.float64), axis=1)  # as `decide` subtracts them
    margins = np.where(ranked[:, -1] >= LOWEST, ranked[:, -1] - ranked[:, -2], -1.0)
    order = np.argsort(-margins)[: np.count_nonzero(margins >= 0)]
    right = (confidences.argmax(axis=1) == targets)[order]
    shares = np.cumsum(right) / np.arange(1, len(order) + 1)
    last = np.append(np.diff(margins[order]) != 0, True)[: len(order)]  # equals pass together
    good = np.flatnonzero(last & (shares >= named_right))
    return float(margins[order[good[-1]]]) if len(good) else NEVER


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
