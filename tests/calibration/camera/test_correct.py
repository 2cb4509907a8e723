"""The correction: white becomes white everywhere, and other colours come back nearly whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.camera.correct import WHITE_AT, Correction, written_white
from calibration.camera.measure import measure
from calibration.camera.settings import CameraSettings
from deploy.errors import FrameError
from deploy.render.camera import SimulatedCamera
from deploy.srgb import to_encoded, to_linear


def written(profile, size):
    """What the profile's camera writes of an even white tray."""
    return np.rint(255 * written_white(profile, size)).astype(np.uint8)


def test_white_becomes_white_in_every_place_and_channel(profile):
    tray = written(profile, (180, 320))
    assert tray[0, 0].tolist() == [127, 204, 185]

    corrected = Correction(profile, (180, 320)).apply(tray)

    assert np.abs(corrected - 255.0 * WHITE_AT).max() < 3


@pytest.mark.parametrize("size", [(720, 1280), (1080, 1920), (120, 160), (31, 47)])
def test_a_frame_of_another_size_is_corrected_in_the_same_places(profile, size):
    white = written_white(profile, size)

    assert np.allclose(white[:, -1, 1] / white[:, 0, 1], 0.8, rtol=0.02)
    assert np.allclose(white[:, :, 1] / white[:, :, 0], 1.6, rtol=1e-5)


def test_beyond_the_measured_area_its_border_goes_on(profile):
    white = written_white(replace(profile, area=(0.25, 0.0, 0.75, 1.0)), (80, 160))

    assert np.allclose(white[:, :38, 1], 0.8, rtol=1e-5)
    assert np.allclose(white[:, 122:, 1], 0.8 * 0.8, rtol=1e-5)
    assert np.allclose(white[:, 80, 1], 0.8 * 0.9, rtol=0.01)


def test_the_bytes_are_within_two_levels_of_exact_factors(profile):
    profile = replace(profile, gains_bgr=(1.3, 1.0, 1.1))
    frame = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    exact = np.clip(frame * (WHITE_AT / written_white(profile, (180, 320))), 0, 255)

    corrected = Correction(profile, (180, 320)).apply(frame)

    assert np.abs(corrected - exact).max() < 2
    assert np.abs(corrected - exact).mean() < 0.5


def colours(height: int = 90, width: int = 160) -> np.ndarray:
    """Every level of grey, and random colours between."""
    scene = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    scene[0] = np.linspace(0, 255, width)[:, None].astype(np.uint8)
    return scene


@pytest.mark.parametrize(
    ("camera", "mean", "most"),
    [
        (SimulatedCamera(6504, -0.5, 0.0), 2, 4),
        (SimulatedCamera(4500, -0.9, 0.3), 3, 11),
        (SimulatedCamera(2700, -1.3, 0.0), 2, 16),
        (SimulatedCamera(7500, -0.7, 0.5), 3, 11),
    ],
)
def test_colours_come_back_within_a_few_levels_of_the_true_ones(camera, mean, most, trays):
    """`most` is where sRGB's straight foot is not followed, in the dark of the weakest channel."""
    size = (90, 160)
    profile = measure(trays.frames(camera, trays.white(size))).profile("c", CameraSettings(), ())
    scene = colours(*size)

    corrected = Correction(profile, size).apply(camera.shoot(scene))

    wanted = 255 * to_encoded(to_linear(scene / 255) * to_linear(WHITE_AT))
    apart = np.abs(corrected - wanted)
    assert apart.mean() < mean
    assert apart.max() < most


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
