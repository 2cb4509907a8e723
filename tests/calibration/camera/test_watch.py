"""`moved light` comes when the light has moved, and not for stones, hands and tweezers."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from calibration.camera.measure import measure
from calibration.camera.settings import CameraSettings
from calibration.camera.watch import PERSISTS_S, LightWatch
from deploy.render.camera import SimulatedCamera

SIZE = (180, 320)
CAMERA = SimulatedCamera(5000, -0.6, 0.3)
FPS = 5


@pytest.fixture(scope="module")
def profile():
    tray = CAMERA.shoot(np.full((*SIZE, 3), 255, np.uint8))
    return measure([tray]).profile("simulated", CameraSettings(), ())


@pytest.fixture
def watch(profile):
    return LightWatch(profile)


def shown(watch, camera, trays, seconds, start_s=0.0, scene=None):
    """Show a scene for some seconds; the last answer, and when `drifted` first came."""
    scene = trays.white(SIZE) if scene is None else scene
    shot, first = camera.shoot(scene), None
    for number in range(round(seconds * FPS)):
        at_s = start_s + number / FPS
        now = watch.look(trays.noisy(shot, number % 7), at_s)
        if now.drifted and first is None:
            first = at_s
    return now, first


def changed(**values) -> SimulatedCamera:
    return dataclasses.replace(CAMERA, **values)


MOVED = {
    "300 K warmer": changed(kelvin=4700),
    "300 K colder": changed(kelvin=5300),
    "a warm lamp": changed(kelvin=3000),
    "0.3 stops darker": changed(stops=-0.6 - 0.3),
    "0.3 stops brighter": changed(stops=-0.6 + 0.3),
}


@pytest.mark.parametrize("camera", MOVED.values(), ids=MOVED.keys())
def test_a_light_that_moved_is_told_after_three_seconds(camera, watch, trays):
    now, first = shown(watch, camera, trays, 6)

    assert first == pytest.approx(PERSISTS_S, abs=0.3)
    assert now.away >= 1


@pytest.mark.parametrize("camera", [CAMERA, changed(kelvin=4900), changed(stops=-0.7)])
def test_a_light_that_is_as_it_was_or_nearly_is_no_news(camera, watch, trays):
    now, first = shown(watch, camera, trays, 8)

    assert first is None
    assert now.away < 0.7


def test_it_is_told_with_a_stone_on_the_tray_and_a_hand_beside_it(watch, trays):
    scene = trays.white(SIZE)
    cv2.circle(scene, (160, 90), 60, (30, 40, 160), -1)
    cv2.ellipse(scene, (320, 120), (120, 40), 10, 0, 360, (120, 150, 200), -1)

    _, first = shown(watch, changed(kelvin=4300), trays, 5, scene=scene)

    assert first == pytest.approx(PERSISTS_S, abs=0.3)


def test_a_change_of_two_seconds_is_forgotten(watch, trays):
    shown(watch, changed(kelvin=3000), trays, 2)
    _, first = shown(watch, CAMERA, trays, 3, start_s=2)
    assert first is None

    _, first = shown(watch, changed(kelvin=3000), trays, 2, start_s=5)
    assert first is None


def test_the_light_that_comes_back_is_told_after_three_seconds(watch, trays):
    shown(watch, changed(kelvin=3000), trays, 5)
    assert shown(watch, CAMERA, trays, 2, start_s=5)[0].drifted
    assert not shown(watch, CAMERA, trays, 2, start_s=7)[0].drifted


def test_on_the_threshold_it_does_not_go_to_and_fro(watch, trays):
    shown(watch, changed(kelvin=4500), trays, 5)
    now, _ = shown(watch, changed(kelvin=4800), trays, 6, start_s=5)

    assert 0.7 < now.away < 1
    assert now.drifted


def test_a_grey_card_says_nothing_of_the_tray_which_is_learned_in_the_first_second(profile, trays):
    watch = LightWatch(dataclasses.replace(profile, reference="grey"))
    felt = np.full((*SIZE, 3), (118, 112, 106), np.uint8)

    now, first = shown(watch, CAMERA, trays, 12, scene=felt)
    assert first is None
    assert now.away < 0.5
    _, first = shown(watch, changed(kelvin=4500), trays, 5, start_s=12, scene=felt)
    assert first is not None


def hand(scene, rng):
    """From any side, over up to half of the tray."""
    side, width = rng.integers(4), int(rng.integers(30, 80))
    skin = tuple(int(v) for v in rng.integers((60, 80, 120), (160, 190, 230)))
    end = (int(rng.integers(60, 260)), int(rng.integers(40, 140)))
    start = [(0, end[1]), (320, end[1]), (end[0], 0), (end[0], 180)][side]
    cv2.line(scene, start, end, skin, width)


def tweezers(scene, rng):
    end = (160 + int(rng.integers(-20, 20)), 90)
    cv2.line(scene, (int(rng.integers(320)), 180), end, (140, 140, 140), 9)


def test_ten_minutes_of_stones_hands_and_tweezers_raise_no_alarm(watch, trays):
    rng = np.random.default_rng(4)
    at_s, worst = 0.0, 0.0
    while at_s < 600:
        scene = trays.white(SIZE)
        if rng.random() < 0.8:
            colour = tuple(int(v) for v in rng.integers(0, 255, 3))
            centre = 160 + int(rng.integers(-25, 25)), 90 + int(rng.integers(-15, 15))
            cv2.circle(scene, centre, int(rng.integers(15, 68)), colour, -1)
        if rng.random() < 0.4:
            hand(scene, rng)
        if rng.random() < 0.4:
            tweezers(scene, rng)
        seconds = float(rng.uniform(1, 6))
        now, first = shown(watch, CAMERA, trays, seconds, start_s=at_s, scene=scene)
        assert first is None
        at_s, worst = at_s + seconds, max(worst, now.away)
    assert 0 < worst < 0.7
