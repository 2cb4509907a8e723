"""The live loop: frame, verdict, drawn picture, over and over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Event
from typing import Protocol

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.backends.base import Backend
from deploy.bundle import Manifest
from deploy.decision import Verdict
from deploy.errors import CameraError
from deploy.familiarity import Familiarity
from edge_app.classifier import Classifier
from edge_app.health import picture_state
from edge_app.readers import Reader, open_reader
from edge_app.reading import Reading
from edge_app.sinks.base import Sink
from edge_app.sources.base import Frame, Source
from edge_app.stats import LoopStats
from edge_app.timing import LATENCY, RateMeter

log = logging.getLogger(__name__)

DARK_AFTER_S = 1.0
GIVE_UP_AFTER_S = 10.0
GIVE_UP_AFTER_ERRORS = 100
POLL_EVERY_S = 0.05  # a key in the window is answered at once, as people see it
STALLED = "stalled: no picture from the camera"


class Overlay(Protocol):
    """Draws a reading into a frame."""

    def draw(self, image_bgr: ByteArray, reading: Reading) -> None:
        """Draw in place on (H, W, 3) uint8, BGR."""


class LiveLoop:
    """One `step` takes one frame all the way from the reader to the sinks."""

    def __init__(
        self,
        reader: Reader,
        source: Source,
        backend: Backend,
        manifest: Manifest,
        *,
        familiarity: Familiarity | None = None,
        overlay: Overlay | None = None,
        sinks: Sequence[Sink] = (),
        on_change: Callable[[Verdict], None] | None = None,
        stats: LoopStats | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            reader: of `source`, which is asked only whether it is live, and its rate.
            familiarity: the bundle's; None only where its decision does not ask for it.
            overlay: None leaves the frames as they are.
            on_change: called with each verdict that differs from the one before.
            stats: where to count; a fresh one by default.
        """
        cv2.setNumThreads(1)  # its steps are short, and the cores are the model's
        self.stats = stats or LoopStats()
        self._reader = reader
        self._source = source
        self._classifier = Classifier(backend, manifest, self.stats.times, familiarity)
        self._backend_name = f"{backend.name} {backend.precision}"
        self._overlay = overlay
        self._sinks = sinks
        self._on_change = on_change
        self._rate = RateMeter()
        self._said = ("", False)  # of the last verdict: its text, and whether it was a stranger
        self._shape: tuple[int, ...] = ()
        self._fps = self._latency_ms = 0.0
        self._errors_in_a_row = 0
        self._last_frame_at = time.monotonic()

    def step(self) -> bool:
        """Handle one frame, or one that was missed. False: the source ended or a sink closed.

        Raises:
            CameraError: the source has failed for `GIVE_UP_AFTER_S`, or too often in a row.
        """
        try:
            with self.stats.times.measure("capture"):
                frame = self._reader.take()
        except CameraError as exc:
            return self._missed(exc)
        if frame is None:
            return False
        self._errors_in_a_row = 0
        self._last_frame_at = time.monotonic()
        reading = self._read(frame)
        self.stats.frames += 1
        self.stats.dropped = self._reader.dropped
        return self._present(frame.image_bgr, reading)

    def _read(self, frame: Frame) -> Reading:
        """What there is to say of a frame; also counts it."""
        self._shape = frame.image_bgr.shape
        state = picture_state(frame.image_bgr)
        if state:
            self._classifier.forget()
            self.stats.states[state] += 1
            return self._reading(state=state)
        verdict, box = self._classifier.classify(frame.image_bgr, self._media_time(frame))
        now = time.monotonic()
        self._latency_ms = (now - frame.captured_at) * 1000
        self._fps = self._rate.tick(now)
        self.stats.times.add(LATENCY, now - frame.captured_at)
        self._count(verdict, now)
        return Reading(
            verdict, box, self._fps, self._latency_ms, self._backend_name, self._reader.dropped
        )

    def _media_time(self, frame: Frame) -> float:
        """When the frame was taken. A file played faster than life keeps its own clock."""
        if self._source.live or not self._source.fps:
            return frame.captured_at
        return frame.index / self._source.fps

    def _count(self, verdict: Verdict, now: float) -> None:
        self.stats.labels[verdict.text] += 1
        if self.stats.first_label_at is None:
            self.stats.first_label_at = now
        said = (verdict.text, verdict.unfamiliar)
        if self._on_change is not None and said != self._said:
            self._on_change(verdict)
        self._said = said

    def _present(self, image_bgr: ByteArray, reading: Reading) -> bool:
        """Draw and show. False: somebody asked to stop."""
        if self._overlay is not None:
            with self.stats.times.measure("draw"):
                self._overlay.draw(image_bgr, reading)
        if not self._sinks:
            return True
        with self.stats.times.measure("show"):
            return self._show(image_bgr)

    def _show(self, image_bgr: ByteArray) -> bool:
        going_on = True
        for sink in self._sinks:  # each gets the last frame, whichever of them asks to stop
            going_on = sink.show(image_bgr) and going_on
        return going_on

    def _missed(self, error: CameraError) -> bool:
        """Count a frame that did not come, and go on unless it has been too many.

        The picture goes dark, so that nobody takes the last one for what lies on the tray.
        """
        self.stats.camera_errors += 1
        self._errors_in_a_row += 1
        silent_s = time.monotonic() - self._last_frame_at
        if silent_s >= GIVE_UP_AFTER_S or self._errors_in_a_row >= GIVE_UP_AFTER_ERRORS:
            raise error
        log.debug("missed a frame: %s", error)
        if silent_s < DARK_AFTER_S or not self._shape:
            return True
        self._classifier.forget()
        return self._present(np.zeros(self._shape, np.uint8), self._reading(state=STALLED))

    def _reading(self, *, state: str) -> Reading:
        dropped = self._reader.dropped
        return Reading(None, None, self._fps, self._latency_ms, self._backend_name, dropped, state)


def run_loop(
    source: Source,
    backend: Backend,
    manifest: Manifest,
    *,
    familiarity: Familiarity | None = None,
    overlay: Overlay | None = None,
    sinks: Sequence[Sink] = (),
    on_change: Callable[[Verdict], None] | None = None,
    frames: int = 0,
    at_own_pace: bool = False,
    stop: Event | None = None,
    stats: LoopStats | None = None,
) -> LoopStats:
    """Classify and show a source until it ends, a sink closes, or `stop` is set.

    Args:
        source: entered already.
        manifest: the bundle's labels, input, framing and decision.
        familiarity: the bundle's; None only where its decision does not ask for it.
        frames: end after so many; 0 goes on.
        at_own_pace: show a file no faster than it was filmed.
        stats: counted in while the loop runs; the same object is returned.

    Raises:
        CameraError: the source has failed for 10 s, or too often in a row. One missed frame is
            counted and the loop goes on.
        BackendError: the device failed.
    """
    stop = stop or Event()
    pace = Pace(source.fps) if at_own_pace and not source.live and source.fps else None
    with ExitStack() as stack:
        reader = stack.enter_context(open_reader(source, stop))
        loop = LiveLoop(
            reader,
            source,
            backend,
            manifest,
            familiarity=familiarity,
            overlay=overlay,
            sinks=sinks,
            on_change=on_change,
            stats=stats,
        )
        try:
            while not stop.is_set() and loop.step():
                if frames and loop.stats.frames >= frames:
                    break
                if pace is not None and not pace.wait(stop, sinks):
                    break
        finally:
            loop.stats.ended_at = time.monotonic()
    return loop.stats


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
