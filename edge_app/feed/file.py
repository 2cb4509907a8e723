"""Files: every frame in order; one is decoded while the model works on the one before."""

from __future__ import annotations

import dataclasses
import logging
import time
from threading import Condition, Event, Thread

from edge_app.feed.base import WAIT_S, Look
from edge_app.sources.base import Frame, Source

log = logging.getLogger(__name__)

PATIENCE_S = 3.0  # for the thread to end


class FileFeed:
    """Reads a source in a thread, one frame ahead."""

    live = False
    dropped = missed = losses = losses_last_hour = 0

    def __init__(self, source: Source, stop: Event | None = None) -> None:
        self.name = source.name
        self._source = source
        self._stop = stop or Event()  # the loop's wish to stop
        self._closing = Event()
        self._changed = Condition()
        self._thread = Thread(target=self._run, name=f"read {source.name}", daemon=True)
        self._waiting: Frame | None = None
        self._error: BaseException | None = None
        self._ended = False

    @property
    def fps(self) -> float | None:
        """Of the source, in frames per second."""
        return self._source.fps

    def __enter__(self) -> FileFeed:
        """Open the source.

        Raises:
            CameraError: it cannot be opened.
        """
        self._source.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            log.warning("%s does not answer; it is left as it is", self.name)
            return
        self._source.__exit__(*exc)

    def look(self) -> Look | None:
        """The next frame, which counts as captured now; see `Feed.look`.

        A file has no moment of capture, and the time that a frame lay decoded in advance is
        no delay that anybody sees.
        """
        with self._changed:
            self._changed.wait_for(self._has_news, WAIT_S)
            frame, self._waiting = self._waiting, None
            self._changed.notify_all()
            if frame is not None:
                return Look(dataclasses.replace(frame, captured_at=time.monotonic()))
            if self._error is not None:
                raise self._error
            return None if self._ended or self._stop.is_set() else Look(None)

    def resume(self) -> None:
        """A file waits by itself."""

    def reopen(self, why: str, *, afresh: bool = False) -> None:
        """A file has nothing to gain from it."""

    def _has_news(self) -> bool:
        return bool(self._waiting or self._error or self._ended or self._stop.is_set())

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                frame = self._source.read()
            except BaseException as exc:  # a thread's boundary: the loop raises it instead
                self._put(error=exc)
                return
            self._put(frame)
            if frame is None:
                return

    def _put(self, frame: Frame | None = None, error: BaseException | None = None) -> None:
        with self._changed:
            while self._waiting and not self._closing.is_set():
                self._changed.wait(WAIT_S)
            self._waiting, self._error = frame, error
            self._ended = frame is None and error is None
            self._changed.notify_all()
