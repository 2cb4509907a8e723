"""A recording that runs at the speed of life, however fast the loop was."""

from __future__ import annotations

import time
from collections.abc import Callable

from deploy.arrays import ByteArray
from edge_app.sinks.base import Sink


class RealTimeSink:
    """Passes frames on at a fixed rate: repeats one when the loop is slow, leaves some out when
    it is fast. A video file has one rate for all its frames, and a live loop has not."""

    def __init__(
        self, sink: Sink, fps: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Wrap `sink`, which is entered and left with this one."""
        self.name = sink.name
        self._sink = sink
        self._fps = fps
        self._clock = clock
        self._started_at: float | None = None
        self._passed = 0

    def show(self, image_bgr: ByteArray) -> bool:
        """Pass the frame on as often as its time asks for. False: the sink asks to stop."""
        now = self._clock()
        if self._started_at is None:
            self._started_at = now
        due = int((now - self._started_at) * self._fps) + 1
        while self._passed < due:
            self._passed += 1
            if not self._sink.show(image_bgr):
                return False
        return True

    def poll(self) -> bool:
        """False: the sink asks to stop."""
        return self._sink.poll()

    def __enter__(self) -> RealTimeSink:
        self._sink.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._sink.__exit__(*exc)
