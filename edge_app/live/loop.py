"""The live loop: frame, verdict, drawn picture, over and over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Protocol

import cv2
import numpy as np

from deploy.arrays import ByteArray
from edge_app.feed import Feed, Look
from edge_app.live.eye import Eye, Seen
from edge_app.live.gate import Gate, Light
from edge_app.live.pace import Pace
from edge_app.live.reading import Reading
from edge_app.live.states import CameraState
from edge_app.live.stats import LoopStats
from edge_app.live.timing import LATENCY, RateMeter
from edge_app.sinks.base import Sink
from edge_app.sources.base import Frame

EMPTY_SHAPE = (720, 1280, 3)  # of what is shown before a camera gave its first picture


class Overlay(Protocol):
    """Draws a reading into a frame."""

    def draw(self, image_bgr: ByteArray, reading: Reading) -> None:
        """Draw in place on (H, W, 3) uint8, BGR."""


class Monitor(Protocol):
    """Shows readings in a way of its own."""

    def update(self, image_bgr: ByteArray | None, reading: Reading) -> None:
        """Take (H, W, 3) uint8, BGR, to be copied if kept, or None where there is no picture."""


class LiveLoop:
    """One `step` takes one frame all the way from the feed to the sinks."""

    def __init__(
        self,
        feed: Feed,
        eye: Eye,
        stats: LoopStats,
        *,
        light: Light | None = None,
        overlay: Overlay | None = None,
        sinks: Sequence[Sink] = (),
        on_change: Callable[[Seen], None] | None = None,
        on_state: Callable[[CameraState, str], None] | None = None,
        trouble: Callable[[], str] = str,
        monitor: Monitor | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            feed: entered already.
            eye: what looks at live pictures; it times its stages in `stats.times`.
            stats: where to count.
            light: the camera's profile at work; None leaves colours as they come.
            overlay: None leaves the frames as they are.
            on_change: called with what was seen, each time that its verdict, or the taught name
                in its place, differs from the one before.
            on_state: called with each change of the camera's state, and what is known of it.
            trouble: asked for each frame what else the operator must know; empty where nothing.
            monitor: shown each frame with its reading, before anything is drawn on it.
        """
        cv2.setNumThreads(1)  # its steps are short, and the cores are the model's
        self.stats = stats
        self._feed = feed
        self._gate = Gate(feed, light)
        self._eye = eye
        self._overlay = overlay
        self._sinks = sinks
        self._on_change = on_change
        self._on_state = on_state
        self._trouble = trouble
        self._monitor = monitor
        self._rate = RateMeter()
        self._state: CameraState | None = None
        self._said: tuple[object, ...] = ()  # of the last verdict, or the taught name in its place
        self._shape: tuple[int, ...] = ()
        self._fps = self._latency_ms = 0.0

    def run(
        self, *, frames: int = 0, at_own_pace: bool = False, stop: Event | None = None
    ) -> LoopStats:
        """Classify and show until the source ends, a sink closes, or `stop` is set.

        A camera that stalls or is lost ends nothing: it is opened again, and the loop waits.

        Args:
            frames: end after so many; 0 goes on.
            at_own_pace: show a file no faster than it was filmed.
            stop: looked at between two frames; the feed's own.

        Returns:
            `stats`.

        Raises:
            CameraError: a file broke off.
            BackendError: the device failed.
        """
        stop = stop or Event()
        filmed = at_own_pace and not self._feed.live
        pace = Pace(self._feed.fps) if filmed and self._feed.fps else None
        try:
            while not stop.is_set() and self.step():
                if frames and self.stats.frames >= frames:
                    break
                if pace is not None and not pace.wait(stop, self._sinks):
                    break
        finally:
            self.close()
            self.stats.ended_at = time.monotonic()
        return self.stats

    def step(self) -> bool:
        """Handle one frame, or a moment without one. False: the source ended or a sink closed.

        Raises:
            CameraError: a file broke off.
            BackendError: the device failed.
        """
        with self.stats.times.measure("capture"):
            look = self._feed.look()
        if look is None:
            return False
        self.stats.note_feed(self._feed)
        if look.frame is None:
            return self._wait(look)
        return self._handle(look.frame, look.state)

    def _handle(self, frame: Frame, state: CameraState) -> bool:
        self.stats.frames += 1
        self._shape = frame.image_bgr.shape
        image = frame.image_bgr
        if state is CameraState.LIVE:
            with self.stats.times.measure("gate"):
                state, image = self._gate.pass_on(frame)
        self._enter(state)
        live = state is CameraState.LIVE
        reading = self._classify(image, frame) if live else self._reading(state)
        if self._monitor is not None:
            with self.stats.times.measure("show"):
                self._monitor.update(image, reading)
        return self._present(image, reading)

    def _wait(self, look: Look) -> bool:
        """No frame came. Where one should have, the picture goes dark, so that nobody takes the
        last one for what lies on the tray."""
        if look.state is not CameraState.LIVE:  # else as it was: slow cameras give few frames
            self._enter(look.state, look.note)
        reading = self._reading(look.state, look.note)
        if self._monitor is not None and look.state is not CameraState.LIVE:
            self._monitor.update(None, reading)
        if look.state in (CameraState.LIVE, CameraState.STARTING):
            return all(sink.poll() for sink in self._sinks)
        return self._present(np.zeros(self._shape or EMPTY_SHAPE, np.uint8), reading)

    def _enter(self, state: CameraState, note: str = "") -> None:
        """Tell of a change of state, and forget what was seen in another."""
        if state is not CameraState.LIVE:
            self._eye.blink()
            self._said = ()
            self.stats.states[state.value] += 1
        if state is self._state:
            return
        if self._on_state is not None:
            self._on_state(state, note)
        self._state = state

    def _classify(self, image_bgr: ByteArray, frame: Frame) -> Reading:
        """What there is to say of a frame; also counts it."""
        seen = self._eye.look(image_bgr, self._media_time(frame))
        now = time.monotonic()
        self._fps = self._rate.tick(now)
        if seen.fresh:
            self._latency_ms = (now - frame.captured_at) * 1000
            self.stats.times.add(LATENCY, now - frame.captured_at)
        self._count(seen, now)
        return Reading(
            *(seen.verdict, seen.box, self._fps, self._latency_ms),
            *(self._feed.dropped, CameraState.LIVE),
            final=seen.final,
            prompt=seen.prompt,
            hint=seen.hint,
            trouble=self._trouble(),
            stone=seen.stone,
            provisional=seen.provisional,
            lifted=seen.lifted,
        )

    def _media_time(self, frame: Frame) -> float:
        """When the frame was taken. A file played faster than life keeps its own clock."""
        if self._feed.live or not self._feed.fps:
            return frame.captured_at
        return frame.index / self._feed.fps

    def _count(self, seen: Seen, now: float) -> None:
        verdict = seen.verdict
        if verdict is None or not seen.final:  # nothing lies there, or a stone that settles
            self._said = ()  # the next stone is news, though it be of the same kind
        if verdict is None:
            return
        if seen.fresh:
            self.stats.labels[verdict.text] += 1
        if self.stats.first_label_at is None:
            self.stats.first_label_at = now
        taught = (seen.provisional.label,) if seen.provisional else ()
        said = taught or (verdict.text, verdict.unfamiliar)
        if not seen.final or said == self._said:
            return
        self._said = said
        if self._on_change is not None:
            self._on_change(seen)

    def close(self) -> None:
        """Nothing more will come: the stone on the tray is reported as it is."""
        self._eye.close()

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

    def _reading(self, state: CameraState, note: str = "") -> Reading:
        figures = (self._fps, self._latency_ms, self._feed.dropped)
        return Reading(None, None, *figures, state, note)
