from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_app.live.gate import Gate
from edge_app.live.states import CameraState
from edge_app.sources.base import Frame


class NotedFeed:
    live = True

    def __init__(self):
        self.wishes = []

    def reopen(self, why, *, afresh=False):
        self.wishes.append((why, afresh))


class Lamp:
    """Corrects by making everything a level brighter; `off` says whether it has moved."""

    off = False

    def correct(self, raw_bgr):
        return raw_bgr + 1

    def moved(self, raw_bgr, at_s):
        return self.off


def pictures(level, seconds, step_s=0.5):
    for i in range(int(seconds / step_s)):
        noise = np.random.default_rng(i).normal(level, 2, (64, 64, 3))
        yield Frame(np.clip(noise, 0, 255).astype(np.uint8), i * step_s, i)


def test_a_live_picture_passes_in_true_colours():
    frame = next(pictures(100, 1))

    state, image = Gate(NotedFeed(), Lamp()).pass_on(frame)

    assert state is CameraState.LIVE
    np.testing.assert_array_equal(image, frame.image_bgr + 1)


def test_of_a_network_camera_a_still_picture_is_no_frozen_one():
    gate, frame = Gate(NotedFeed()), next(pictures(100, 1))

    said = {gate.pass_on(replace(frame, captured_at=t, coded=True))[0] for t in range(10)}

    assert said == {CameraState.LIVE}
    assert gate.pass_on(replace(frame, captured_at=10.0))[0] is CameraState.FROZEN


def test_a_lamp_that_moved_lets_nothing_pass():
    lamp = Lamp()
    lamp.off = True

    state, _ = Gate(NotedFeed(), lamp).pass_on(next(pictures(100, 1)))

    assert state is CameraState.MOVED_LIGHT


@pytest.mark.parametrize(("level", "said"), [(1, "black"), (30, "too dark"), (290, "too bright")])
def test_a_camera_that_was_locked_in_the_wrong_light_may_adjust_anew(level, said):
    feed = NotedFeed()
    gate = Gate(feed)
    for frame in pictures(level, 31):
        gate.pass_on(frame)

    assert feed.wishes == [(f"the picture is {said}", True)] * 2


def test_a_lamp_that_is_off_all_night_has_the_camera_opened_seldom():
    feed = NotedFeed()
    gate = Gate(feed)
    for frame in pictures(1, 8 * 3600, step_s=5.0):
        gate.pass_on(frame)

    assert 6 < len(feed.wishes) < 60


def test_a_frozen_camera_is_opened_again_and_keeps_its_settings():
    feed = NotedFeed()
    gate = Gate(feed)
    image = next(pictures(100, 1)).image_bgr
    for i in range(40):
        state, _ = gate.pass_on(Frame(image, i * 0.5, i))

    assert state is CameraState.FROZEN
    assert feed.wishes == [("it repeats one picture", False)]


def test_a_camera_in_good_light_is_left_alone():
    feed = NotedFeed()
    gate = Gate(feed)
    for frame in pictures(100, 60):
        gate.pass_on(frame)

    assert feed.wishes == []
