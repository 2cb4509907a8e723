"""Expected calibration error: by hand, and what chance alone would make of it."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.report.reliability import reliability


def two_classes(*sure: float) -> np.ndarray:
    """(N, 2) confidences; the first label has `sure`."""
    return np.array([[part, 1 - part] for part in sure], np.float32)


def test_the_error_is_as_reckoned_by_hand():
    """Two bins: 0.96 and 0.94, both wrong by 0.95 on average less 1/2; and 0.7, right."""
    found = reliability(two_classes(0.96, 0.94, 0.70), np.array([0, 1, 0]))

    assert [(group.n, group.right) for group in found.bins] == [(1, 1.0), (2, 0.5)]
    assert found.bins[1].confidence == pytest.approx(0.95)
    assert found.error == pytest.approx((2 * abs(0.95 - 0.5) + abs(0.7 - 1)) / 3)


def test_a_model_that_is_as_sure_as_it_is_right_has_no_error():
    found = reliability(two_classes(*[0.75] * 4), np.array([0, 0, 0, 1]))

    assert found.error == pytest.approx(0, abs=1e-6)
    assert found.chance > 0.1  # four pictures that happen to fit prove little


def test_chance_shrinks_with_more_pictures():
    chances = [
        reliability(two_classes(*[0.8] * count), np.zeros(count, np.int64)).chance
        for count in (10, 100, 1000)
    ]

    assert chances == sorted(chances, reverse=True)
    # The mean of |k/n - p| over a binomial is about sqrt(2 p (1 - p) / (pi n)).
    assert chances[2] == pytest.approx(np.sqrt(2 * 0.16 / np.pi / 1000), rel=0.15)


@pytest.mark.parametrize("sure", [1.0, 0.5])
def test_the_ends_of_the_scale_have_a_bin(sure):
    (only,) = reliability(two_classes(sure), np.array([0])).bins

    assert only.low < sure <= only.high
