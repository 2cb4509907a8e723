from __future__ import annotations

from threading import Event

import pytest

from edge_app.live.loop import Pace
from edge_app.sinks.paced import RealTimeSink


class Stop:
    """Nobody asks to stop; time passes only while it is waited for."""

    def __init__(self, monkeypatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


@pytest.mark.parametrize(
    ("loop_fps", "moments"),
    [(10, 21), (30, 61), (60, 121)],
)
def test_a_recording_lasts_as_long_as_what_it_shows(fakes, picture, loop_fps, moments):
    """Two seconds at 30 frames per second, however fast the loop was."""
    now = [0.0]
    inner = fakes.ListSink()
    sink = RealTimeSink(inner, 30.0, clock=lambda: now[0])
    for i in range(moments):
        now[0] = i / loop_fps + 1e-9
        assert sink.show(picture)

    assert len(inner.images) == 61


def test_a_stop_of_the_inner_sink_is_passed_on(fakes, picture):
    sink = RealTimeSink(fakes.ListSink(stop_after=1), 30.0)

    assert sink.show(picture) is False


def test_a_late_frame_is_not_made_up_for_by_hurrying(monkeypatch):
    stop = Stop(monkeypatch)
    pace = Pace(10.0)
    moments = []
    for late_s in (0.0, 5.0, 0.0):
        stop.now += late_s
        assert pace.wait(stop)
        moments.append(round(stop.now, 3))

    assert moments == [0.1, 5.1, 5.2]


def test_a_key_in_the_window_is_answered_long_before_the_next_frame(fakes, monkeypatch):
    """One picture in a thousand seconds must not freeze the window."""
    stop, window = Stop(monkeypatch), fakes.ListSink()
    window.poll = lambda: stop.now < 1.0

    assert Pace(0.001).wait(stop, [window]) is False
    assert stop.now < 1.2


def test_a_wish_to_stop_ends_the_wait_for_the_next_frame(fakes):
    stop = Event()
    stop.set()

    assert Pace(0.001).wait(stop, [fakes.ListSink()]) is False


def test_a_recording_passes_on_the_wish_of_what_it_wraps(fakes):
    inner = fakes.ListSink()
    inner.poll = lambda: False

    assert RealTimeSink(inner, 30.0).poll() is False
