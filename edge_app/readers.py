"""Frames read in a thread of their own, so that the loop never waits for what it could overlap."""

from __future__ import annotations

import dataclasses
import logging
import time
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Protocol

from deploy.errors import CameraError
from edge_app.sources.base import Frame, Source

log = logging.getLogger(__name__)

WAIT_SLICE_S = 0.1  # how soon a wait notices that it should stop
ERROR_PAUSE_S = 0.1  # a camera that fails at once must not fail a million times a second


class Reader(Protocol):
    """Hands frames of a source to the loop."""

    @property
    def dropped(self) -> int:
        """Frames that came and were gone before the loop took them."""

    def take(self) -> Frame | None:
        """The next frame; None when the source has ended or the loop was told to stop.

        Raises:
            CameraError: the source missed a frame, or gave none in time.
        """


class ThreadedReader:
    """Reads a source in a thread. Used as a context manager, inside the source's own."""

    def __init__(self, source: Source, stop: Event | None = None, timeout_s: float = 2.0) -> None:
        self.dropped = 0
        self._source = source
        self._timeout_s = timeout_s
        self._stop = stop or Event()  # the loop's wish to stop
        self._closing = Event()
        self._changed = Condition()
        self._thread = Thread(target=self._run, name=f"read {source.name}", daemon=True)
        self._waiting: Frame | None = None
        self._error: BaseException | None = None
        self._ended = False

    def __enter__(self) -> ThreadedReader:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(self._timeout_s + 1)
        if self._thread.is_alive():
            log.warning("%s does not answer; it is closed all the same", self._source.name)

    def take(self) -> Frame | None:
        """The waiting frame, or the next one within `timeout_s`; None when there are no more.

        Raises:
            CameraError: a frame was missed, or none came in time.
        """
        with self._changed:
            self._wait_until_something()
            self._changed.notify_all()
            if self._waiting is not None:
                frame, self._waiting = self._waiting, None
                return frame
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._ended or self._stop.is_set():
                return None
        raise CameraError(f"{self._source.name} gave no frame within {self._timeout_s} s")

    def resume(self) -> None:
        """Call after a pause in which no frame was wanted: what a camera gave then is forgotten."""

    def _wait_until_something(self) -> None:
        deadline = time.monotonic() + self._timeout_s
        while not (self._waiting or self._error or self._ended or self._stop.is_set()):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(min(left, WAIT_SLICE_S))

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                frame = self._source.read()
            except CameraError as exc:
                self._fail(exc)
                self._closing.wait(ERROR_PAUSE_S if self._source.live else 0)
                continue
            except BaseException as exc:  # a thread's boundary: the loop raises it instead
                self._fail(exc)
                return
            if frame is None:
                self._end()
                return
            self._offer(frame)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._wait_for_room()
            self._error = error
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self._wait_for_room()
            self._ended = True
            self._changed.notify_all()

    def _offer(self, frame: Frame) -> None:
        with self._changed:
            self._wait_for_room()
            self._waiting = frame
            self._changed.notify_all()

    def _wait_for_room(self) -> None:
        """Called under the lock before anything is handed over."""
        raise NotImplementedError


class LatestFrame(ThreadedReader):
    """For a live source: keeps the newest frame alone and counts those that nobody took."""

    _next_index: int | None = 0

    def take(self) -> Frame | None:
        """The newest frame; gaps in the numbering are frames that were dropped on the way."""
        frame = super().take()
        if frame is not None:
            if self._next_index is not None:
                self.dropped += max(0, frame.index - self._next_index)
            self._next_index = frame.index + 1
        return frame

    def resume(self) -> None:
        """Forget the waiting frame, and do not count those that were not wanted."""
        with self._changed:
            self._waiting = None
            self._next_index = None

    def _wait_for_room(self) -> None:
        """There always is: what nobody took is replaced."""


class ReadAhead(ThreadedReader):
    """For a file or a folder: every frame in order; one is decoded while the model works."""

    def take(self) -> Frame | None:
        """The next frame, which counts as captured now.

        A file has no moment of capture, and the time that a frame lay decoded in advance is
        no delay that anybody sees.
        """
        frame = super().take()
        return frame and dataclasses.replace(frame, captured_at=time.monotonic())

    def _wait_for_room(self) -> None:
        while (self._waiting or self._error) and not self._closing.is_set():
            self._changed.wait(WAIT_SLICE_S)


def open_reader(source: Source, stop: Event | None = None) -> ThreadedReader:
    """The reader that fits a source. Raises nothing; the source must have been entered."""
    return LatestFrame(source, stop) if source.live else ReadAhead(source, stop)
