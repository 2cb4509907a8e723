from __future__ import annotations

import logging
import time
from threading import Event

import numpy as np
import pytest

from calibration.camera.settings import CameraSettings
from deploy.errors import CameraError
from edge_app.feed import camera, open_feed
from edge_app.feed.camera import CameraFeed
from edge_app.live.states import CameraState
from edge_app.sources.base import Frame, Locked


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The same rules, in hundredths of the time."""
    monkeypatch.setattr(camera, "STALLED_AFTER_S", 0.1)
    monkeypatch.setattr(camera, "LOST_AFTER_S", 0.2)
    monkeypatch.setattr(camera, "ERROR_PAUSE_S", 0.005)
    monkeypatch.setattr("edge_app.feed.retries.FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr("edge_app.feed.retries.LONGEST_PAUSE_S", 0.1)


class Camera:
    """Gives frames for ever, until `fault` is set: an error, or a function called to read."""

    name = "camera"
    live = True
    fps = None

    def __init__(self):
        self.fault = None
        self.absent = None
        self.opened = self.released = 0
        self._index = 0

    def __enter__(self):
        if self.absent is not None:
            raise self.absent
        self.opened += 1
        self._index = 0
        return self

    def __exit__(self, *_):
        self.released += 1

    def read(self):
        time.sleep(0.002)
        if isinstance(self.fault, Exception):
            raise self.fault
        if self.fault is not None:
            return self.fault()
        frame = Frame(np.full((4, 4, 3), 90, np.uint8), time.monotonic(), self._index)
        self._index += 1
        return frame


def wait_for(feed, wanted, within_s=5.0):
    """Looks until a state is seen, and gives every state on the way, each once in a row."""
    seen = []
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        look = feed.look()
        if look is None:
            break
        if not seen or look.state is not seen[-1].state:
            seen.append(look)
        if look.state is wanted:
            return seen
    raise AssertionError(f"{wanted} was not seen, but {seen}")


def test_the_newest_frame_is_given_and_the_others_are_counted():
    with open_feed(Camera()) as feed:
        assert isinstance(feed, CameraFeed)
        first = wait_for(feed, CameraState.LIVE)[-1].frame
        time.sleep(0.2)
        newest = feed.look().frame

    assert newest.index > first.index + 10
    assert feed.dropped == newest.index - first.index - 1


def test_frames_of_a_pause_are_not_counted_as_dropped():
    with CameraFeed(Camera()) as feed:
        wait_for(feed, CameraState.LIVE)
        time.sleep(0.1)
        feed.resume()
        wait_for(feed, CameraState.LIVE)

        assert feed.dropped <= 1


def test_a_camera_that_is_not_there_at_the_start_is_an_error():
    source = Camera()
    source.absent = CameraError("/dev/video0 is not there")

    with pytest.raises(CameraError, match="is not there"), CameraFeed(source):
        pass


def test_unless_somebody_waits_for_it():
    source = Camera()
    source.absent = CameraError("/dev/video0 is not there")
    with CameraFeed(source, patient=True) as feed:
        lost = wait_for(feed, CameraState.LOST)[-1]
        source.absent = None
        wait_for(feed, CameraState.LIVE)

        assert lost.note == "next try in 0 s; times lost within an hour: 0"
        assert feed.losses == 0


def test_a_camera_that_is_unplugged_stalls_is_lost_and_comes_back():
    source = Camera()
    with CameraFeed(source) as feed:
        wait_for(feed, CameraState.LIVE)
        source.fault = CameraError("no frame")
        source.absent = CameraError("no such device")
        states = [look.state for look in wait_for(feed, CameraState.LOST)]
        assert states[-2:] == [CameraState.STALLED, CameraState.LOST]

        source.fault = source.absent = None
        states = [look.state for look in wait_for(feed, CameraState.LIVE)]
        assert CameraState.STALLED not in states
        assert (feed.losses, feed.losses_last_hour) == (1, 1)
        assert feed.missed > 1

    assert source.opened == source.released == 2


def test_one_missed_frame_is_counted_and_nothing_else():
    source = Camera()
    failing = iter([CameraError("torn")])

    def once():
        source.fault = None
        raise next(failing)

    source.fault = once
    with CameraFeed(source) as feed:
        wait_for(feed, CameraState.LIVE)

        assert (feed.missed, feed.losses) == (1, 0)


@pytest.mark.parametrize(
    "garbage", [np.zeros((4, 4), np.uint8), np.zeros((0, 0, 3), np.uint8), np.zeros((4, 4, 3))]
)
def test_garbage_is_a_missed_frame(garbage):
    source = Camera()
    with CameraFeed(source) as feed:
        wait_for(feed, CameraState.LIVE)
        source.fault = lambda: Frame(garbage, time.monotonic(), 0)
        look = wait_for(feed, CameraState.LOST)[-1]

        assert look.frame is None
        assert feed.missed > 1


def test_a_driver_that_never_returns_shows_as_lost_and_may_come_back():
    released = Event()
    source = Camera()
    with CameraFeed(source) as feed:
        wait_for(feed, CameraState.LIVE)
        source.fault = lambda: released.wait(30) and None
        lost = wait_for(feed, CameraState.LOST)[-1]
        assert "has not answered" in lost.note
        assert source.released == 0

        source.fault = None
        released.set()


def test_leaving_does_not_wait_for_a_driver_that_never_returns(monkeypatch, caplog):
    monkeypatch.setattr(camera, "CLOSES_WITHIN_S", 0.05)
    released, began = Event(), time.monotonic()
    source = Camera()
    with CameraFeed(source) as feed:
        wait_for(feed, CameraState.LIVE)
        source.fault = lambda: released.wait(30) and None
        time.sleep(0.05)

    assert time.monotonic() - began < 5
    assert "camera does not answer; it is left as it is" in caplog.text
    released.set()


def test_a_camera_of_less_than_a_frame_a_second_is_not_stalled():
    source = Camera()
    source.fps = 2.0  # with the shortened rules, as 0.1 would be
    source.fault = lambda: (
        time.sleep(0.3) or Frame(np.full((4, 4, 3), 90, np.uint8), time.monotonic(), 0)
    )
    with CameraFeed(source) as feed:
        states = set()
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            states.add(feed.look().state)

    assert states <= {CameraState.STARTING, CameraState.LIVE}


def test_a_camera_that_takes_its_time_to_be_locked_is_starting_and_not_stalled(monkeypatch):
    monkeypatch.setattr("edge_app.feed.hold.SETTLE_S", 0.05)

    class Slow(Camera):
        identity = "slow"

        def lock(self, wanted):
            time.sleep(0.4)
            return Locked(CameraSettings(gain=1))

    with CameraFeed(Slow()) as feed:
        seen = wait_for(feed, CameraState.LIVE)

    assert [look.state for look in seen] == [CameraState.STARTING, CameraState.LIVE]


def test_a_live_source_may_end(fakes, frames):
    with CameraFeed(fakes.ScriptedSource(frames(3), live=True)) as feed:
        while (look := feed.look()) is not None:
            last = look.frame

    assert last.index == 2


def test_a_camera_is_opened_anew_on_request():
    source = Camera()
    with CameraFeed(source) as feed:
        wait_for(feed, CameraState.LIVE)
        feed.reopen("it repeats one picture")
        wait_for(feed, CameraState.LOST)
        wait_for(feed, CameraState.LIVE)

        assert source.opened == 2


def test_a_camera_that_is_gone_all_night_says_so_once(caplog):
    caplog.set_level(logging.INFO)
    source = Camera()
    source.absent = CameraError("no such device")
    with CameraFeed(source, patient=True):
        time.sleep(0.5)

    assert caplog.text.count("no such device") == 1


def test_a_bug_in_a_source_is_not_swallowed():
    source = Camera()
    source.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError), CameraFeed(source) as feed:
        wait_for(feed, CameraState.LOST)


def test_a_wish_to_stop_ends_the_wait():
    stop = Event()
    stop.set()
    source = Camera()
    source.absent = CameraError("no such device")
    with CameraFeed(source, stop, patient=True) as feed:
        assert feed.look() is None
    assert not feed._thread.is_alive()


def test_a_wish_to_stop_ends_the_wait_for_a_camera_that_opens_slowly(monkeypatch):
    monkeypatch.setattr(camera, "CLOSES_WITHIN_S", 0.05)
    stop, released, began = Event(), Event(), time.monotonic()

    class Slow(Camera):
        def __enter__(self):
            time.sleep(0.2)
            stop.set()  # as a signal's handler does: nobody is told
            released.wait(5)
            return super().__enter__()

    with CameraFeed(Slow(), stop) as feed:
        assert feed.look() is None

    assert time.monotonic() - began < 2
    released.set()


def test_a_frame_that_waited_while_its_camera_hung_is_not_given_as_live():
    released = Event()
    source = Camera()
    with CameraFeed(source) as feed:
        wait_for(feed, CameraState.LIVE)
        source.fault = lambda: released.wait(30) and None
        time.sleep(0.3)  # nobody looks meanwhile, as while an engine is built

        look = feed.look()
        released.set()

    assert look.frame is None
    assert look.state in (CameraState.STALLED, CameraState.LOST)


def test_a_camera_that_is_left_while_it_settles_is_not_locked_any_more(monkeypatch):
    monkeypatch.setattr("edge_app.feed.hold.SETTLE_S", 5.0)
    locked = []

    class Settling(Camera):
        identity = "settling"

        def lock(self, wanted):
            locked.append(wanted)
            return Locked(CameraSettings())

    with CameraFeed(Settling()) as feed:
        wait_for(feed, CameraState.STARTING)
        time.sleep(0.1)

    assert not locked
