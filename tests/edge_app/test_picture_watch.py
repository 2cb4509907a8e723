from __future__ import annotations

import numpy as np
import pytest

from deploy.render.scene import TrayScene
from edge_app.live.picture_watch import PictureWatch
from edge_app.live.states import CameraState

SHAPE = (720, 1280, 3)


def noisy(level, seed, spread=2.0, shape=SHAPE):
    noise = np.random.default_rng(seed).normal(level, spread, shape)
    return np.clip(noise, 0, 255).astype(np.uint8)


def states(images, live=True, step_s=0.5):
    watch = PictureWatch(live)
    return [watch.state(image, i * step_s) for i, image in enumerate(images)]


@pytest.mark.parametrize(
    ("level", "state"),
    [
        (2, CameraState.BLACK),
        (30, CameraState.TOO_DARK),
        (90, CameraState.LIVE),
        (205, CameraState.LIVE),
        (290, CameraState.TOO_BRIGHT),
    ],
)
def test_a_picture_is_judged_by_its_light(level, state):
    assert states([noisy(level, i) for i in range(9)]) == [state] * 9


def test_a_stone_on_a_black_tray_and_one_on_a_lit_stage_are_pictures():
    dark, bright = noisy(10, 0), noisy(290, 1)
    for image in (dark, bright):
        image[200:560, 400:1000] = noisy(120, 2, shape=(360, 600, 3))

    assert states([dark, bright]) == [CameraState.LIVE] * 2


def test_one_even_colour_is_no_picture_at_once():
    assert states([np.full(SHAPE, 128, np.uint8)]) == [CameraState.FROZEN]


def test_the_same_bytes_for_three_seconds_are_frozen_and_noise_ends_it():
    still = noisy(120, 0)
    said = states([still.copy() for _ in range(8)] + [noisy(120, 1)], step_s=0.5)

    assert said == [CameraState.LIVE] * 6 + [CameraState.FROZEN] * 2 + [CameraState.LIVE]


def test_a_still_picture_that_was_encoded_anew_has_no_noise_either():
    still = noisy(120, 0)
    images = []
    for i in range(9):
        image = still.copy()
        image[8, 8 + 16 * i] += 1  # of the pixels that are looked at
        images.append(image)

    assert states(images)[-1] is CameraState.FROZEN


def test_an_encoder_may_leave_a_still_scene_out_for_half_a_minute():
    watch, still = PictureWatch(live=True), noisy(120, 0)

    said = [watch.state(still, i * 0.5, coded=True) for i in range(62)]

    assert said == [CameraState.LIVE] * 60 + [CameraState.FROZEN] * 2


def test_the_quietest_sensor_is_not_frozen():
    """A tenth of a grey level of noise still changes some pixels."""
    levels = np.linspace(60, 200, SHAPE[1])[None, :, None] * np.ones(SHAPE)
    images = [noisy(levels, i, spread=0.1) for i in range(12)]

    assert set(states(images)) == {CameraState.LIVE}


def test_a_camera_of_one_frame_a_second_needs_more_than_one_pair():
    still = noisy(120, 0)

    assert states([still] * 2, step_s=4.0) == [CameraState.LIVE] * 2


@pytest.mark.parametrize("level", [30, 290])
def test_a_file_is_as_it_was_made(level):
    assert set(states([noisy(level, 0)] * 9, live=False)) == {CameraState.LIVE}
    assert states([noisy(2, 0)], live=False) == [CameraState.BLACK]


def test_another_size_is_no_stillness():
    images = [noisy(120, 0), noisy(120, 0, shape=(480, 640, 3))] * 6

    assert set(states(images)) == {CameraState.LIVE}


def test_the_drawn_counter_is_live_the_whole_time():
    scene = TrayScene(("Ruby", "Diamond"), seed=3, size=(640, 360))
    images = [scene.draw(i * 0.25, i) for i in range(40)]

    assert set(states(images, step_s=0.25)) == {CameraState.LIVE}
