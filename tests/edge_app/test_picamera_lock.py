"""Exposure, gain and white balance of a Raspberry Pi's camera, held still."""

from __future__ import annotations

import pytest

from calibration.camera.settings import CameraSettings
from deploy.errors import CameraError
from edge_app.sources import picamera, picamera_lock
from edge_app.sources.picamera import PiCameraSettings, PiCameraSource
from edge_app.sources.picamera_lock import choose_controls

SMALL = PiCameraSettings(width=64, height=48)
WANTED = CameraSettings(exposure_us=12000, gain=2.0, red_gain=1.9, blue_gain=1.4)
ALL = ("AeEnable", "ExposureTime", "AnalogueGain", "AwbEnable", "ColourGains")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(picamera, "READ_TIMEOUT_S", 0.4)
    monkeypatch.setattr(picamera_lock, "LOCK_TIMEOUT_S", 0.2)


def values(source, frames: int = 12) -> set[tuple]:
    """What some frames after each other were taken with."""
    found = [source._metadata() for _ in range(frames)]
    return {(m["ExposureTime"], m["AnalogueGain"], m["ColourGains"]) for m in found}


def test_what_was_asked_for_is_held_and_read_back(pi):
    with PiCameraSource(0, SMALL) as source:
        assert len(values(source)) > 1  # the automatics are at work
        locked = source.lock(WANTED)
        held = values(source)

    assert locked.missing == ()
    assert locked.settings.exposure_us == pytest.approx(12000, abs=10)  # whole lines
    assert (locked.settings.gain, locked.settings.red_gain) == (2.0, 1.9)
    assert held == {(locked.settings.exposure_us, 2.0, (1.9, 1.4))}


def test_without_a_wish_what_the_automatics_chose_is_held(pi):
    with PiCameraSource(0, SMALL) as source:
        locked = source.lock(None)
        held = values(source)

    assert locked.missing == ()
    assert held == {
        (
            locked.settings.exposure_us,
            locked.settings.gain,
            (locked.settings.red_gain, locked.settings.blue_gain),
        )
    }


def test_controls_that_were_lost_on_the_way_are_sent_again(pi):
    """picamera2 loses one that is set at the moment it makes a new set of controls."""
    pi.configure(lost_sends=1)  # `configure` sends the frame rate, which is lost first
    with PiCameraSource(0, SMALL) as source:
        source._camera._sensor._lost = 1
        assert source.lock(WANTED).missing == ()


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (
            {"stubborn": ["ExposureTime"]},
            "an exposure of 12000 us did not take: the camera is",
        ),
        ({"stubborn": ["AnalogueGain"]}, "a gain of 2 did not take: the camera is at "),
        (
            {"longest_exposure_us": 5000},
            "an exposure of 12000 us did not take: the camera is a",
        ),
        ({"no_controls": ["AwbEnable", "ColourGains"]}, "this camera has no white balance that"),
        ({"no_controls": ["AnalogueGain"]}, "this camera has no gain that can be held still"),
    ],
)
def test_what_did_not_take_is_said(pi, faults, said):
    """Also where the automatics pass by the right value while they wander."""
    pi.configure(**faults)

    with PiCameraSource(0, SMALL) as source:
        locked = source.lock(WANTED)

    assert len(locked.missing) == 1
    assert locked.missing[0].startswith(said)


def test_a_white_balance_that_did_not_take_is_said_for_both_gains(pi):
    pi.configure(stubborn=["ColourGains"])

    with PiCameraSource(0, SMALL) as source:
        missing = source.lock(CameraSettings(red_gain=4.0, blue_gain=0.5)).missing

    assert [one.split(" of ")[0] for one in missing] == ["a red gain", "a blue gain"]


def test_a_colour_temperature_is_not_this_cameras(pi):
    with PiCameraSource(0, SMALL) as source:
        locked = source.lock(CameraSettings(exposure_us=9000, white_balance_k=4600))

    assert locked.missing == ("this camera takes red and blue gains, and no colour temperature",)
    assert locked.settings.white_balance_k is None
    assert locked.settings.exposure_us == pytest.approx(9000, abs=10)


def test_a_lock_of_a_camera_that_is_gone_is_an_error_in_time(pi):
    source = PiCameraSource(0, SMALL)
    with pytest.raises(CameraError, match="is not open"):
        source.lock(None)
    pi.configure(hang_after=4)
    with source, pytest.raises(CameraError, match="no frame within"):
        source.lock(WANTED)


def test_reading_goes_on_after_a_lock(pi):
    with PiCameraSource(0, SMALL) as source:
        before = source.read()
        source.lock(None)
        after = source.read()

    assert before is not None
    assert after is not None
    assert after.index > before.index
    assert pi.STATE["stalled"] == 0


def test_both_automatics_are_off_and_zero_is_no_wish():
    """libcamera takes an exposure or gain of 0 as "choose it yourself"."""
    now = {"ExposureTime": 8000, "AnalogueGain": 1.5, "ColourGains": (1.8, 1.6)}

    told = choose_controls(CameraSettings(exposure_us=0, gain=0, red_gain=2.0), now, ALL)

    assert told.missing == ()
    assert told.values == {
        "AeEnable": False,
        "ExposureTime": 8000,
        "AnalogueGain": 1.5,
        "AwbEnable": False,
        "ColourGains": (2.0, 1.6),
    }
    assert isinstance(told.values["ExposureTime"], int)
