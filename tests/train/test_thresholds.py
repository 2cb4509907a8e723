"""The thresholds hold on the pictures that chose them, as the decision really decides."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.decision import LIST, NAME, decide, probabilities
from train.thresholds import LISTED_RIGHT, NAMED_RIGHT, NEVER, choose_decision


def noisy_logits(count: int, strength: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 8, count)
    logits = rng.normal(0, 1, (count, 8)).astype(np.float32)
    logits[np.arange(count), targets] += strength
    return logits, targets


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("strength", [1.0, 2.0, 4.0])
def test_as_many_names_and_lists_are_right_as_was_promised(strength, seed):
    logits, targets = noisy_logits(400, strength, seed)

    decision = choose_decision(logits, targets)

    labels = [str(number) for number in range(8)]
    verdicts = [decide(row, labels, decision) for row in probabilities(logits, 1.0)]
    named = [v.text == str(t) for v, t in zip(verdicts, targets, strict=True) if v.kind == NAME]
    listed = [
        str(t) in v.text.split(" or ")
        for v, t in zip(verdicts, targets, strict=True)
        if v.kind == LIST
    ]
    assert np.mean(named or [1]) >= NAMED_RIGHT
    assert np.mean(listed or [1]) >= LISTED_RIGHT


def test_a_better_model_names_more():
    shares = []
    for strength in (1.0, 2.0, 4.0):
        logits, targets = noisy_logits(400, strength, 0)
        decision = choose_decision(logits, targets)
        first = probabilities(logits, 1.0).max(axis=1)
        shares.append(float((first >= decision.name_at_least).mean()))

    assert shares == sorted(shares)
    assert shares[-1] > shares[0]


def test_a_model_that_is_always_wrong_names_nothing_lightly():
    logits, targets = noisy_logits(100, 6.0, 0)

    decision = choose_decision(logits, (targets + 1) % 8)

    assert decision.name_at_least == NEVER
