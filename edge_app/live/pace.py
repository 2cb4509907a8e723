"""A file is shown no faster than it was filmed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event

from edge_app.sinks.base import Sink

POLL_EVERY_S = 0.05  # a key in the window is answered at once, as people see it


class Pace:
    """Waits so that frames follow each other at a given rate; late ones do not add up."""

    def __init__(self, fps: float) -> None:
        self._interval_s = 1.0 / fps
        self._due_s = time.monotonic() + self._interval_s

    def wait(self, stop: Event, sinks: Sequence[Sink] = ()) -> bool:
        """Wait until the next frame is due. False, and soon: `stop` is set or a sink asks to."""
        started_s = time.monotonic()
        while (left_s := self._due_s - time.monotonic()) > 0:
            if stop.wait(min(left_s, POLL_EVERY_S)):
                return False
            if left_s > POLL_EVERY_S and not all(sink.poll() for sink in sinks):
                return False
        self._due_s = max(self._due_s, started_s) + self._interval_s
        return True
