from __future__ import annotations

import time
from threading import Event

import pytest

from deploy.errors import CameraError
from edge_app.feed import open_feed
from edge_app.feed.file import FileFeed


def frames_of(feed):
    found = []
    while (look := feed.look()) is not None:
        if look.frame is not None:
            found.append(look.frame)
    return found


def test_a_file_gives_every_frame_in_order(fakes, frames):
    source = fakes.ScriptedSource(frames(6))
    with open_feed(source) as feed:
        assert isinstance(feed, FileFeed)
        assert [frame.index for frame in frames_of(feed)] == [0, 1, 2, 3, 4, 5]
        assert (feed.dropped, source.entered) == (0, 1)


def test_an_error_comes_after_the_frames_before_it_and_ends_the_run(fakes, frames):
    with FileFeed(fakes.ScriptedSource([*frames(1), CameraError("torn")])) as feed:
        assert feed.look().frame.index == 0
        with pytest.raises(CameraError, match="torn"):
            frames_of(feed)


def test_a_bug_in_a_source_is_not_swallowed(fakes):
    source = fakes.ScriptedSource([ZeroDivisionError()])
    with FileFeed(source) as feed, pytest.raises(ZeroDivisionError):
        frames_of(feed)


def test_leaving_ends_the_thread_though_frames_are_left(fakes, frames):
    with FileFeed(fakes.ScriptedSource(frames(50))) as feed:
        feed.look()

    assert not feed._thread.is_alive()


def test_a_file_that_is_slow_to_decode_keeps_nobody_waiting(fakes):
    released = Event()
    source = fakes.ScriptedSource([lambda: released.wait(10)])
    with FileFeed(source) as feed:
        began = time.monotonic()
        assert feed.look().frame is None
        assert time.monotonic() - began < 2
        released.set()


def test_a_wish_to_stop_ends_the_run(fakes):
    stop, released = Event(), Event()
    source = fakes.ScriptedSource([lambda: (stop.set(), released.wait(10))])
    with FileFeed(source, stop) as feed:
        assert frames_of(feed) == []
        released.set()
