"""The correction: white becomes white everywhere, and other colours come back nearly whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.camera.correct import WHITE_AT, Correction, correction_factors
from deploy.errors import FrameError


def written(profile, size):
    """What the profile's camera writes of an even white tray."""
    levels = 255 * WHITE_AT / correction_factors(profile, size)
    return np.rint(levels).astype(np.uint8)


def test_white_becomes_white_in_every_place_and_channel(profile):
    tray = written(profile, (180, 320))
    assert tray[0, 0].tolist() == [127, 204, 185]

    corrected = Correction(profile, (180, 320)).apply(tray)

    assert np.abs(corrected - 255.0 * WHITE_AT).max() <= 2


@pytest.mark.parametrize("size", [(720, 1280), (1080, 1920), (120, 160), (31, 47)])
def test_a_frame_of_another_size_is_corrected_in_the_same_places(profile, size):
    factors = correction_factors(profile, size)

    left, right = factors[:, 0, 1], factors[:, -1, 1]
    assert np.allclose(right / left, 1 / 0.8, rtol=0.02)
    assert np.allclose(factors[:, :, 0] / factors[:, :, 1], 1.6, rtol=1e-5)


def test_beyond_the_measured_area_its_border_goes_on(profile):
    factors = correction_factors(replace(profile, area=(0.25, 0.0, 0.75, 1.0)), (80, 160))

    assert np.allclose(factors[:, :38, 1], factors[0, 0, 1], rtol=1e-5)
    assert np.allclose(factors[:, 122:, 1], factors[0, -1, 1], rtol=1e-5)
    assert np.allclose(factors[:, 80, 1], WHITE_AT / 0.8 / 0.9, rtol=0.01)


def test_the_bytes_are_within_two_levels_of_exact_factors(profile):
    frame = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    exact = np.clip(frame * correction_factors(profile, (180, 320)), 0, 255)

    corrected = Correction(profile, (180, 320)).apply(frame)

    assert np.abs(corrected - exact).max() < 2
    assert np.abs(corrected - exact).mean() < 0.5


def test_a_new_result_shares_no_memory_and_the_frame_stays_as_it_was(profile):
    correction = Correction(profile, (48, 64))
    frame = np.full((48, 64, 3), 90, np.uint8)

    first, second = correction.apply(frame), correction.apply(frame)

    assert (frame == 90).all()
    assert not np.shares_memory(first, frame)
    assert not np.shares_memory(first, second)


def test_the_owner_of_a_frame_may_have_it_corrected_in_place(profile):
    correction = Correction(profile, (48, 64))
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    expected = correction.apply(frame)

    returned = correction.apply(frame, out=frame)

    assert returned is frame
    assert np.array_equal(frame, expected)


@pytest.mark.parametrize("wrong", [np.zeros((48, 65, 3), np.uint8), np.zeros((48, 64, 3))])
def test_a_frame_that_does_not_fit_is_refused(profile, wrong):
    with pytest.raises(FrameError, match=r"must be \(48, 64, 3\) uint8"):
        Correction(profile, (48, 64)).apply(wrong)
