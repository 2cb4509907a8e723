from __future__ import annotations

import logging

from calibration.camera.settings import CameraSettings
from edge_app.feed.hold import SETTLE_S, Holder
from edge_app.sources.base import Locked
from edge_app.sources.demo import DemoSource

FOUND = CameraSettings(exposure_us=8000, gain=2)


class AdjustableSource:
    """A camera whose automatics find `FOUND`, and that cannot hold its white balance."""

    name = "camera 0"
    identity = "lens-and-sensor"
    live = True
    fps = 30.0

    def __init__(self):
        self.wanted = []

    def read(self):
        raise AssertionError("the feed reads, not the holder")

    def lock(self, wanted):
        self.wanted.append(wanted)
        return Locked(wanted or FOUND, ("white balance cannot be held: no such control",))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_without_a_profile_the_camera_settles_once_and_is_held_there_ever_after():
    source, waits = AdjustableSource(), []
    holder = Holder()

    holder.hold(source, waits.append)
    holder.hold(source, waits.append)

    assert source.wanted == [None, FOUND]
    assert waits == [SETTLE_S]


def test_a_profile_is_held_from_the_first_frame_on():
    source, waits = AdjustableSource(), []
    profile = CameraSettings(exposure_us=5000)
    holder = Holder(lambda: profile)

    holder.hold(source, waits.append)
    holder.forget()
    holder.hold(source, waits.append)

    assert source.wanted == [profile, profile]
    assert waits == []


def test_what_it_found_can_be_forgotten():
    source = AdjustableSource()
    holder = Holder()

    holder.hold(source, lambda _: None)
    holder.forget()
    holder.hold(source, lambda _: None)

    assert source.wanted == [None, None]


def test_what_is_held_and_what_cannot_be_is_said_once(caplog):
    caplog.set_level(logging.INFO)
    holder, source = Holder(lambda: FOUND), AdjustableSource()

    holder.hold(source, lambda _: None)
    holder.hold(source, lambda _: None)

    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("INFO", "camera 0 holds exposure 8000 µs, gain 2"),
        ("WARNING", "white balance cannot be held: no such control"),
    ]


def test_a_camera_without_controls_is_named_as_such(fakes, caplog):
    caplog.set_level(logging.INFO)

    Holder().hold(fakes.ScriptedSource([], live=True), lambda _: None)

    assert "script: its exposure, gain and white balance are not held" in caplog.text


def test_a_demo_has_nothing_to_hold_and_nothing_to_say_of_it(caplog):
    caplog.set_level(logging.INFO)

    Holder().hold(DemoSource(("Ruby",)), lambda _: None)

    assert not caplog.records
