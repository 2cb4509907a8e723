from __future__ import annotations

import numpy as np
import pytest

from edge_app.live.smoothing import TIME_CONSTANT_S, Smoother

SQUARE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
CAT = np.array([1, 0], np.float32)
DOG = np.array([0, 1], np.float32)


def after(seconds: float, steps: int) -> np.ndarray:
    """Cat first, then `seconds` of dog in so many frames."""
    smoother = Smoother()
    smoother.update(CAT, SQUARE, 0.0)
    for i in range(1, steps + 1):
        steady = smoother.update(DOG, SQUARE, seconds * i / steps)
    return steady


def test_the_average_depends_on_time_and_not_on_the_number_of_frames():
    assert after(0.5, 3) == pytest.approx(after(0.5, 60), abs=1e-5)


def test_after_one_time_constant_63_percent_is_new():
    assert after(TIME_CONSTANT_S, 9)[1] == pytest.approx(1 - np.exp(-1), abs=1e-5)


def test_confidences_keep_their_sum():
    assert after(0.2, 7).sum() == pytest.approx(1, abs=1e-5)


def test_another_stone_starts_the_average_anew():
    smoother = Smoother()
    smoother.update(CAT, SQUARE, 0.0)

    assert smoother.update(DOG, 255 - SQUARE, 0.01).tolist() == [0, 1]


def test_noise_of_a_camera_is_no_other_stone():
    smoother = Smoother()
    noise = np.random.default_rng(1).integers(-8, 9, SQUARE.shape)
    noisy = np.clip(SQUARE.astype(int) + noise, 0, 255).astype(np.uint8)
    smoother.update(CAT, SQUARE, 0.0)

    assert smoother.update(DOG, noisy, 0.01)[0] > 0.9


def test_a_reset_forgets():
    smoother = Smoother()
    smoother.update(CAT, SQUARE, 0.0)
    smoother.reset()

    assert smoother.update(DOG, SQUARE, 0.01).tolist() == [0, 1]
