"""What is measured of an empty tray is true, and what is no empty tray is refused in a sentence."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from calibration.camera.correct import laid_out
from calibration.camera.measure import measure
from calibration.camera.refuse import TrayError
from calibration.camera.settings import CameraSettings
from deploy.render.camera import SimulatedCamera, falloff, light_bgr
from deploy.render.tray import make_tray
from deploy.srgb import to_encoded

SIZE = (180, 320)
CAMERAS = [
    SimulatedCamera(6504, -0.5, 0.0),
    SimulatedCamera(2700, -1.3, 0.5),
    SimulatedCamera(4000, -1.0, 0.3),
    SimulatedCamera(7500, -1.0, 0.4),
    SimulatedCamera(10000, -1.0, 0.2),
]


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: f"{camera.kelvin:.0f} K")
def test_level_gains_and_flat_field_are_within_one_percent_of_the_truth(camera, trays):
    white = to_encoded(light_bgr(float(camera.kelvin)) * 2.0**camera.stops)
    light = falloff(*SIZE, camera.vignette)[..., None] * light_bgr(float(camera.kelvin))
    field = to_encoded(light * 2.0**camera.stops) / white

    measured = measure(trays.frames(camera, trays.white(SIZE)))

    assert measured.white == pytest.approx(white.max(), rel=0.01)
    assert measured.gains_bgr == pytest.approx(white.max() / white, rel=0.01)
    profile = measured.profile("simulated", CameraSettings(), ())
    assert np.abs(laid_out(profile, SIZE) / field - 1).max() < 0.01
    assert measured.noise * 255 == pytest.approx(1.5, abs=0.2)


def test_from_a_grey_card_white_is_inferred(trays):
    camera = SimulatedCamera(5500, -0.5, 0.2)
    card = trays.white(SIZE, level=round(255 * float(to_encoded(0.18))))
    white = to_encoded(light_bgr(5500.0) * 2.0**-0.5)

    measured = measure(trays.frames(camera, card), reference="grey")

    assert measured.white == pytest.approx(white.max(), rel=0.01)
    assert measured.gains_bgr == pytest.approx(white.max() / white, rel=0.02)


def test_a_tray_that_does_not_fill_the_frame_is_measured_in_its_middle():
    tray = make_tray(320, 180, np.random.default_rng(0))

    measured = measure([tray] * 8, reference="grey")

    left, top, right, bottom = measured.area
    assert (left, right) == pytest.approx((0.27, 0.73), abs=0.03)
    assert (top, bottom) == pytest.approx((0.08, 0.92), abs=0.03)


def test_dust_is_not_a_stone(trays):
    frames = trays.frames(SimulatedCamera(5000, -0.5, 0.2), trays.white(SIZE))
    for frame in frames:
        frame[40:44, 60:63] = 90

    assert measure(frames).area == (0, 0, 1, 1)


def stone(frame):
    cv2.circle(frame, (160, 90), 22, (30, 40, 160), -1)


def hand(frame):
    cv2.ellipse(frame, (320, 120), (150, 50), 10, 0, 360, (120, 150, 200), -1)


def large_stone(frame):
    cv2.circle(frame, (160, 90), 66, (60, 120, 60), -1)


@pytest.mark.parametrize("thing", [stone, hand, large_stone])
def test_what_lies_on_the_tray_is_refused(thing, trays):
    scene = trays.white(SIZE)
    thing(scene)

    with pytest.raises(TrayError, match=r"the tray is not even: .* covers .* of it\. Take stone"):
        measure(trays.frames(SimulatedCamera(5000, -0.5, 0.2), scene))


def test_a_stone_that_moves_is_a_stone_and_no_flicker(trays):
    frames = []
    for x in range(100, 228, 16):
        scene = trays.white(SIZE)
        cv2.circle(scene, (x, 90), 30, (30, 40, 160), -1)
        frames += trays.frames(SimulatedCamera(5000, -0.5, 0.2), scene, count=1)

    with pytest.raises(TrayError, match="the tray is not even"):
        measure(frames)


def test_a_dark_tray_is_refused(trays):
    with pytest.raises(
        TrayError, match=r"too dark to measure: .* at 9% of white.*Turn the light on"
    ):
        measure(trays.frames(SimulatedCamera(6504, -7, 0.0), trays.white(SIZE)))


def test_a_clipped_tray_is_refused(trays):
    with pytest.raises(TrayError, match=r"too bright to measure: 100% of it.*Turn the light down"):
        measure(trays.frames(SimulatedCamera(5000, 0.5, 0.0), trays.white(SIZE)))


@pytest.mark.parametrize("colour", [(90, 190, 100), (70, 70, 220), (200, 90, 190), (180, 90, 40)])
def test_a_coloured_tray_is_refused(colour, trays):
    scene = np.full((*SIZE, 3), colour, np.uint8)

    with pytest.raises(TrayError, match=r"the tray is coloured: .*Lay white paper"):
        measure(trays.frames(SimulatedCamera(5500, 0.0, 0.2), scene))


def banded(frame, phase, strength=0.06):
    rows = 1 + strength * np.sin(np.arange(len(frame)) / len(frame) * 15 + phase)
    return np.clip(frame * rows[:, None, None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("step", [0.9, 0.0], ids=["wandering bands", "standing bands"])
def test_light_that_flickers_in_bands_is_refused(step, trays):
    frames = trays.frames(SimulatedCamera(5000, -0.5, 0.2), trays.white(SIZE))
    frames = [banded(frame, step * number) for number, frame in enumerate(frames)]

    with pytest.raises(TrayError, match=r"flickers with the mains.*10 ms \(50 Hz\) or 8\.33 ms"):
        measure(frames)


def test_light_that_flickers_from_frame_to_frame_is_refused(trays):
    scene = trays.white(SIZE)
    frames = [
        trays.noisy(SimulatedCamera(5000, -0.5 + 0.15 * (-1) ** i, 0.2).shoot(scene), i)
        for i in range(8)
    ]

    with pytest.raises(TrayError, match="flickers with the mains"):
        measure(frames)


def test_force_measures_what_would_be_refused(trays):
    scene = trays.white(SIZE)
    stone(scene)

    measured = measure(trays.frames(SimulatedCamera(5000, -0.5, 0.2), scene), force=True)

    assert measured.white == pytest.approx(0.92, abs=0.01)


def test_no_frames_at_all_are_refused():
    with pytest.raises(TrayError, match="there is no frame to measure"):
        measure([])


def test_frames_of_several_sizes_are_refused(trays):
    with pytest.raises(TrayError, match="the frames differ in size"):
        measure([trays.white((90, 160)), trays.white((90, 161))])


def test_one_frame_is_enough(trays):
    assert measure(trays.frames(SimulatedCamera(5000, -0.5), trays.white(SIZE), count=1)).noise == 0
