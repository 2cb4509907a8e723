"""A temperature makes a model as sure as it is right, and is never judged on what chose it."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.decision import probabilities
from deploy.temperature import HIGHEST, LOWEST, cross_fitted, fit_temperature


def drawn(count: int, classes: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are exactly as sure as they are right: each target is drawn from its softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, classes)).astype(np.float32)
    chances = probabilities(logits, 1.0).astype(np.float64)
    reached = chances.cumsum(axis=1) / chances.sum(axis=1, keepdims=True)
    return logits, (rng.random((count, 1)) > reached).sum(axis=1)


def cross_entropy(logits: np.ndarray, targets: np.ndarray, temperature: float) -> float:
    confidences = probabilities(logits, temperature)
    return float(-np.log(confidences[np.arange(len(targets)), targets]).mean())


@pytest.mark.parametrize("too_sure", [0.25, 1.0, 4.0])
def test_what_the_logits_were_multiplied_by_is_found_again(too_sure):
    logits, targets = drawn(20_000)

    assert fit_temperature(logits * np.float32(too_sure), targets) == pytest.approx(
        too_sure, rel=0.05
    )


def test_no_other_temperature_has_a_lower_cross_entropy():
    logits, targets = drawn(300, seed=3)
    best = fit_temperature(3 * logits, targets)

    others = [cross_entropy(3 * logits, targets, best * part) for part in (0.9, 0.99, 1.01, 1.1)]

    assert cross_entropy(3 * logits, targets, best) < min(others)


def test_four_pictures_of_two_classes_are_solved_by_hand():
    """Three right and one wrong, each by a gap of 2: softmax must say 3/4, so T = 2/ln 3."""
    logits = np.array([[2, 0]] * 4, np.float32)
    targets = np.array([0, 0, 0, 1])

    assert fit_temperature(logits, targets) == pytest.approx(2 / np.log(3), rel=1e-6)


def test_a_fit_that_would_run_away_stops_at_the_limits():
    logits, _ = drawn(50)

    assert fit_temperature(logits, logits.argmax(axis=1)) == pytest.approx(LOWEST)
    assert fit_temperature(logits, logits.argmin(axis=1)) == pytest.approx(HIGHEST)


@pytest.mark.parametrize("broken", [np.empty((0, 3)), np.full((2, 3), np.nan), [[np.inf, 0.0]]])
def test_logits_that_are_no_numbers_are_refused(broken):
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.asarray(broken, np.float32), np.zeros(len(broken), np.int64))


def test_no_picture_is_scaled_by_a_temperature_that_knew_it():
    """Another target for one picture moves the confidences of the others, and not its own."""
    logits, targets = drawn(40)
    changed = targets.copy()
    changed[7] = (changed[7] + 1) % 6

    before, after = cross_fitted(logits, targets), cross_fitted(logits, changed)

    moved = np.flatnonzero(np.abs(after - before).max(axis=1) > 0)
    assert 7 not in moved
    assert len(moved) == 32  # the four other folds of eight


def test_the_order_of_the_pictures_does_not_matter():
    logits, targets = drawn(40)
    other = np.random.default_rng(1).permutation(40)

    shuffled = cross_fitted(logits[other], targets[other])

    assert shuffled == pytest.approx(cross_fitted(logits, targets)[other], abs=1e-6)


def test_few_pictures_get_a_fold_each_and_keep_their_order():
    logits, targets = drawn(3)

    confidences = cross_fitted(logits, targets)

    assert confidences.shape == (3, 6)
    assert confidences.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-6)
    assert (confidences.argmax(axis=1) == logits.argmax(axis=1)).all()
