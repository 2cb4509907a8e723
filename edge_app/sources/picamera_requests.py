"""The newest frame of a Raspberry Pi's camera, handed from picamera2's thread to the reader's.

picamera2's own `capture_array` and `capture_request` put a job into a queue. Where no frame comes
they wait for good (raspberrypi/picamera2 issues 794 and 1004), and a job that was given up stays
in the queue: it takes a later frame that nobody gives back, and `stop()`, which is a job itself,
waits behind it (issue 1264). Versions before 0.3.22 cannot cancel it. `post_callback` is called
with each frame in every version, so the waiting is done here, where it has an end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition
from typing import Any

from deploy.errors import CameraError


@dataclass(frozen=True)
class Arrival:
    """A completed request, with its buffer.

    request: picamera2's `CompletedRequest`.
    at: `time.monotonic()` when it came, in seconds.
    index: 0 for the first since the camera was opened.
    """

    request: Any
    at: float
    index: int


class NewestRequest:
    """Keeps the newest request and gives every other one straight back to the camera.

    It holds one buffer at most, and whoever is in `next` a second one.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: Arrival | None = None
        self._count = 0
        self._closed = False

    def put(self, request: Any) -> None:
        """picamera2's `post_callback`. It calls this in its own thread, and lives on if we do."""
        with self._changed:
            if self._closed:
                return
            request.acquire()
            older, self._waiting = self._waiting, Arrival(request, time.monotonic(), self._count)
            self._count += 1
            self._changed.notify()
        if older is not None:
            older.request.release()

    @contextmanager
    def next(self, timeout_s: float) -> Iterator[Arrival]:
        """The newest request that was not taken yet; its buffer goes back when the block ends.

        Raises:
            CameraError: none came in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None, timeout_s)
            arrival, self._waiting = self._waiting, None
        if arrival is None:
            raise CameraError(f"no frame within {timeout_s:g} s")
        try:
            yield arrival
        finally:
            arrival.request.release()

    def close(self) -> None:
        """Give back what waits, and take no more."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.request.release()
