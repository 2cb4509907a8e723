from __future__ import annotations

import time
from threading import Event

import pytest

from deploy.errors import CameraError
from edge_app.readers import LatestFrame, ReadAhead, open_reader


def wait_until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_live_source_gives_the_newest_frame_and_counts_the_others(fakes, frames):
    source = fakes.ScriptedSource(frames(6), live=True)
    with source, LatestFrame(source) as reader:
        wait_until(lambda: reader._ended or not source._rest)
        wait_until(lambda: not reader._thread.is_alive())
        newest = reader.take()

        assert newest is not None
        assert (newest.index, reader.dropped) == (5, 5)
        assert reader.take() is None


def test_a_file_gives_every_frame_in_order(fakes, frames):
    source = fakes.ScriptedSource(frames(6))
    with source, ReadAhead(source) as reader:
        indices = [reader.take().index for _ in range(6)]

        assert indices == [0, 1, 2, 3, 4, 5]
        assert reader.take() is None
        assert reader.dropped == 0


def test_an_error_arrives_in_its_place_between_frames(fakes, frames):
    first, second = frames(2)
    source = fakes.ScriptedSource([first, CameraError("torn"), second])
    with source, ReadAhead(source) as reader:
        assert reader.take().index == 0
        with pytest.raises(CameraError, match="torn"):
            reader.take()
        assert reader.take().index == 1


def test_a_silent_source_is_an_error_after_the_timeout(fakes):
    released = Event()

    class SilentSource(fakes.ScriptedSource):
        def read(self):
            released.wait(10)

    source = SilentSource([], live=True)
    with source, LatestFrame(source, timeout_s=0.05) as reader:
        with pytest.raises(CameraError, match=r"script gave no frame within 0\.05 s"):
            reader.take()
        released.set()


def test_a_source_that_never_answers_does_not_keep_the_run_from_ending(fakes, caplog):
    released = Event()

    class SilentSource(fakes.ScriptedSource):
        def read(self):
            released.wait(10)

    with SilentSource([], live=True) as source:
        with LatestFrame(source, timeout_s=-0.95):  # leaving gives it a second more than this
            pass
        assert "script does not answer; it is closed all the same" in caplog.text
    released.set()


def test_a_wish_to_stop_ends_the_wait(fakes):
    stop, released = Event(), Event()

    class SilentSource(fakes.ScriptedSource):
        def read(self):
            stop.set()
            released.wait(10)

    source = SilentSource([], live=True)
    with source, LatestFrame(source, stop, timeout_s=30) as reader:
        assert reader.take() is None
        released.set()


def test_a_bug_in_a_source_is_not_swallowed(fakes):
    class BuggySource(fakes.ScriptedSource):
        def read(self):
            raise ZeroDivisionError

    source = BuggySource([])
    with source, open_reader(source) as reader, pytest.raises(ZeroDivisionError):
        reader.take()


def test_leaving_ends_the_thread_though_frames_are_left(fakes, frames):
    source = fakes.ScriptedSource(frames(50))
    with source, open_reader(source) as reader:
        reader.take()

    assert not reader._thread.is_alive()


def test_frames_of_a_pause_are_not_counted_as_dropped(fakes, frames):
    source = fakes.ScriptedSource(frames(6), live=True)
    with source, LatestFrame(source) as reader:
        wait_until(lambda: not reader._thread.is_alive())
        reader.resume()

        assert reader.take() is None
        assert reader.dropped == 0
