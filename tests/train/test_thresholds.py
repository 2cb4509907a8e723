"""The thresholds hold on the pictures that chose them, as the decision really decides."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.decision import LIST, NAME, decide, probabilities
from train.confidence.thresholds import ASKED, NEVER, Asked, choose_decision


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
    verdicts = [
        decide(row, labels, decision) for row in probabilities(logits, decision.temperature)
    ]
    named = [v.text == str(t) for v, t in zip(verdicts, targets, strict=True) if v.kind == NAME]
    listed = [
        str(t) in v.text.split(" or ")
        for v, t in zip(verdicts, targets, strict=True)
        if v.kind == LIST
    ]
    assert np.mean(named or [1]) >= ASKED.named_right
    assert np.mean(listed or [1]) >= ASKED.listed_right


def test_equal_pictures_pass_together_or_not_at_all():
    """Copies of one photograph, of which every tenth has another label."""
    logits = np.tile(np.array([4, 0, 0], np.float32), (50, 1))
    targets = np.repeat([0, 1], [45, 5])

    decision = choose_decision(logits, targets)

    verdict = decide(probabilities(logits[0], decision.temperature), ("a", "b", "c"), decision)
    assert verdict.kind != NAME


def test_a_better_model_names_more():
    shares = []
    for strength in (1.0, 2.0, 4.0):
        logits, targets = noisy_logits(400, strength, 0)
        decision = choose_decision(logits, targets)
        ranked = np.sort(probabilities(logits, decision.temperature), axis=1)
        shares.append(float((ranked[:, -1] - ranked[:, -2] >= decision.margin_at_least).mean()))

    assert shares == sorted(shares)
    assert shares[-1] > shares[0]


def test_a_model_that_is_always_wrong_names_nothing_lightly():
    logits, targets = noisy_logits(100, 6.0, 0)

    decision = choose_decision(logits, (targets + 1) % 8)

    assert decision.margin_at_least == NEVER


def test_as_many_known_stones_pass_as_familiar_as_was_asked_and_strangers_choose_no_name():
    """Unfamiliar pictures do not spoil the names of the familiar ones."""
    logits, targets = noisy_logits(400, 6.0, 0)
    familiarity = np.random.default_rng(1).normal(0, 1, 400)
    strangers = familiarity < np.quantile(familiarity, 0.2)
    targets = np.where(strangers, (targets + 1) % 8, targets)  # all of them would be named wrong

    decision = choose_decision(logits, targets, familiarity, Asked(known_kept=0.8))

    assert decision.familiar_at_least is not None
    assert np.mean(familiarity >= decision.familiar_at_least) == pytest.approx(0.8, abs=0.01)
    assert decision.margin_at_least < 0.5


def test_a_lower_target_names_more():
    logits, targets = noisy_logits(400, 2.0, 0)

    strict = choose_decision(logits, targets, asked=Asked(named_right=0.98))
    lenient = choose_decision(logits, targets, asked=Asked(named_right=0.9))

    assert lenient.margin_at_least < strict.margin_at_least


def test_a_list_in_which_few_are_wrong_by_chance_ends_no_search():
    """The only list of the highest threshold is wrong; of the lower ones 19 of 20 are right."""
    sure, doubtful = np.log([0.7, 0.29, 0.005, 0.005]), np.log([0.5, 0.46, 0.02, 0.02])
    logits = np.array([sure, *[doubtful] * 39], np.float32)
    targets = np.array([2, *[0, 1] * 19, 0])

    decision = choose_decision(logits, targets, asked=Asked(named_right=0.99))

    assert decision.list_at_least < 0.99
    lenient = choose_decision(logits, targets, asked=Asked(named_right=0.99, listed_right=0.5))
    assert lenient.list_at_least <= decision.list_at_least
