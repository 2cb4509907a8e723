from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from calibration.camera.profile import (
    SCHEMA,
    CameraProfile,
    ProfileError,
    profile_path,
    save_profile,
)
from calibration.camera.settings import CameraSettings
from edge_app.feed import Look
from edge_app.live.tray_light import TrayLight, identity
from edge_app.sources.base import Frame
from edge_app.sources.uri import open_source
from tests.loops import naming_frames

HALF = CameraProfile(
    schema=SCHEMA,
    identity="script",
    measured_at="2026-01-01T00:00:00+00:00",
    settings=CameraSettings(),
    missing=(),
    reference="white",
    width=64,
    height=48,
    area=(0.0, 0.0, 1.0, 1.0),
    white=0.5,
    gains_bgr=(1.0, 1.0, 1.0),
    flat_field=(((1.0, 1.0, 1.0),) * 2,) * 2,
    noise=1.0,
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GEMSCAN_CAMERAS", str(tmp_path))


@pytest.fixture
def light(fakes):
    """Of a live source that has the profile."""
    save_profile(HALF)
    light = TrayLight(fakes.ScriptedSource([], live=True))
    assert light.settings() == HALF.settings
    return light


@pytest.mark.parametrize("size", [(48, 64), (96, 128), (30, 40)])
def test_frames_of_any_size_are_corrected_and_none_is_written_into(light, size):
    frame = np.full((*size, 3), 60, np.uint8)

    assert np.unique(light.correct(frame)).tolist() == [120]
    assert np.unique(frame).tolist() == [60]


def test_light_that_stays_is_the_profiles_and_light_that_fades_is_not(light):
    white, faded = np.full((48, 64, 3), 127, np.uint8), np.full((48, 64, 3), 100, np.uint8)

    assert not any(light.moved(white, float(i)) for i in range(6))
    assert [light.moved(faded, 6.0 + i) for i in range(6)][-1]


@pytest.mark.parametrize("live", [True, False])
def test_without_a_profile_everything_stays_as_it_comes(fakes, live):
    if not live:
        save_profile(HALF)  # a file is no camera, whatever it is called
    light = TrayLight(fakes.ScriptedSource([], live=live))
    frame = np.full((48, 64, 3), 60, np.uint8)

    assert light.settings() is None
    assert light.correct(frame) is frame
    assert not any(light.moved(frame, float(i)) for i in range(9))


def test_a_camera_that_was_calibrated_meanwhile_gets_its_new_profile(light):
    save_profile(dataclasses.replace(HALF, white=0.25))
    light.settings()

    assert np.unique(light.correct(np.full((48, 64, 3), 60, np.uint8))).tolist() == [231]


class EachSecond:
    """A feed of one frame a second, of the tray at a level, with a sensor's noise."""

    name, live, fps = "script", True, 1.0
    dropped = missed = losses = losses_last_hour = 0

    def __init__(self, levels):
        self._levels = iter(enumerate(levels))

    def look(self):
        number, level = next(self._levels, (0, None))
        if level is None:
            return None
        noise = np.random.default_rng(number).normal(level, 2, (48, 64, 3))
        return Look(Frame(noise.astype(np.uint8), float(number), number))


def test_light_that_moves_is_drawn_and_keeps_the_network_out_until_it_is_back(
    fakes, light, manifest
):
    levels = [127] * 3 + [100] * 6 + [127] * 6
    backend, overlay = fakes.FixedBackend([0.1, 0.9]), fakes.NotingOverlay()

    stats = naming_frames(EachSecond(levels), backend, manifest, light=light, overlay=overlay).run()

    assert overlay.texts == ["dog"] * 6 + ["moved light"] * 6 + ["dog"] * 3
    assert backend.calls == 9
    assert stats.states == {"moved light": 6}


def test_a_damaged_profile_is_an_error_and_never_left_out_in_silence(light):
    profile_path("script").write_text("{")

    with pytest.raises(ProfileError, match="damaged"):
        light.settings()


def test_a_profile_measured_at_another_size_is_spoken_of_once(light, caplog):
    for _ in range(3):
        light.correct(np.full((48, 64, 3), 60, np.uint8))
    assert caplog.text == ""

    for _ in range(3):
        light.correct(np.full((64, 64, 3), 60, np.uint8))
    assert caplog.text.count("script gives 64 x 64 pixels and was calibrated at 64 x 48") == 1


def test_pipelines_that_differ_at_their_end_do_not_share_a_profile(monkeypatch):
    monkeypatch.setattr("edge_app.sources.gstreamer.has_gstreamer", lambda: True)
    begin = "gst://v4l2src ! video/x-raw,width=1280,height=720,framerate=30/1 ! tee ! videocrop"
    one, other = (open_source(f"{begin} left={left}") for left in (1, 2))

    assert one.name == other.name
    assert identity(one) != identity(other)
