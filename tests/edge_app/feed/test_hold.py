from __future__ import annotations

import logging

from calibration.camera.settings import CameraSettings
from edge_app.feed.hold import Holder
from edge_app.sources.base import Locked

FOUND = CameraSettings(exposure_us=8000, gain=2)


class AdjustableSource:
    """A camera whose automatics find `FOUND`, and that cannot hold its white balance."""

    name = "camera 0"
    identity = "lens-and-sensor"
    live = True
    fps = 30.0

    def __init__(self, frames):
        self.wanted = []
        self._frames = frames

    def read(self):
        return self._frames(1)[0]

    def lock(self, wanted):
        self.wanted.append(wanted)
        return Locked(wanted or FOUND, ("white balance cannot be held: no such control",))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_without_a_profile_the_camera_settles_once_and_is_held_there_ever_after(frames):
    source, shown = AdjustableSource(frames), []
    holder = Holder(None, settle_s=0.01)

    holder.hold(source, shown.append)
    settled = len(shown)
    holder.hold(source, shown.append)

    assert source.wanted == [None, FOUND]
    assert settled > 0
    assert len(shown) == settled


def test_a_profile_is_held_from_the_first_frame_on(frames):
    source, shown = AdjustableSource(frames), []
    profile = CameraSettings(exposure_us=5000)
    holder = Holder(profile)

    holder.hold(source, shown.append)
    holder.forget()
    holder.hold(source, shown.append)

    assert source.wanted == [profile, profile]
    assert shown == []


def test_what_it_found_can_be_forgotten(frames):
    source = AdjustableSource(frames)
    holder = Holder(None, settle_s=0.0)

    holder.hold(source, print)
    holder.forget()
    holder.hold(source, print)

    assert source.wanted == [None, None]


def test_what_is_held_and_what_cannot_be_is_said_once(frames, caplog):
    caplog.set_level(logging.INFO)
    holder, source = Holder(FOUND), AdjustableSource(frames)

    holder.hold(source, print)
    holder.hold(source, print)

    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("INFO", "camera 0 holds exposure 8000 µs, gain 2"),
        ("WARNING", "white balance cannot be held: no such control"),
    ]


def test_a_camera_without_controls_is_named_as_such(fakes, caplog):
    caplog.set_level(logging.INFO)

    Holder(None).hold(fakes.ScriptedSource([], live=True), print)

    assert "script: its exposure, gain and white balance are not held" in caplog.text
