from __future__ import annotations

import pytest

from edge_app.loop import Pace
from edge_app.paced import RealTimeSink


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
    now, waits = [0.0], []

    class Stop:
        def wait(self, seconds):
            waits.append(round(seconds, 3))
            now[0] += seconds

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pace = Pace(10.0)
    pace.wait(Stop())
    now[0] += 5.0
    pace.wait(Stop())
    pace.wait(Stop())

    assert waits == [0.1, 0.1]
