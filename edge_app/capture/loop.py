"""From the camera to the photographer and the page; no model looks at anything."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING

from deploy.arrays import ByteArray
from deploy.locate import Stone
from deploy.preprocess import box_around
from edge_app.capture.photographer import Photographer
from edge_app.feed import Feed, Look
from edge_app.live.gate import Gate, Light
from edge_app.live.pace import Pace
from edge_app.live.reading import Reading
from edge_app.live.states import CameraState
from edge_app.live.timing import RateMeter
from edge_app.sources.base import Frame

if TYPE_CHECKING:
    from edge_app.live.loop import Monitor

_MARGIN = 0.15  # of what is drawn around the stone


class CaptureLoop:
    """One `step` takes one frame from the feed to whoever keeps and shows it."""

    def __init__(
        self,
        feed: Feed,
        photographer: Photographer,
        monitor: Monitor,
        light: Light | None = None,
    ) -> None:
        """Args: light: the camera's profile at work; None leaves colours as they come."""
        self._feed = feed
        self._gate = Gate(feed, light)
        self._photographer = photographer
        self._monitor = monitor
        self._rate = RateMeter()
        self._fps = 0.0

    def step(self) -> bool:
        """Handle one frame, or a moment without one. False: the source ended.

        Raises:
            CameraError: a file broke off.
        """
        look = self._feed.look()
        if look is None:
            return False
        if look.frame is not None:
            self._handle(look.frame, look.state)
        elif look.state is not CameraState.LIVE:  # else as it was: slow cameras give few frames
            self._wait(look)
        return True

    def _handle(self, frame: Frame, state: CameraState) -> None:
        image, stone = frame.image_bgr, None
        if state is CameraState.LIVE:
            state, image = self._gate.pass_on(frame)
        if state is CameraState.LIVE:
            stone = self._photographer.see(image, frame.captured_at)
        else:
            self._photographer.miss(state.value, frame.captured_at)
        self._fps = self._rate.tick(time.monotonic())
        self._monitor.update(image, self._reading(state, image=image, stone=stone))

    def _wait(self, look: Look) -> None:
        """No frame came: the picture goes dark, so that nobody takes the last one for the tray."""
        self._photographer.miss(look.state.value, time.monotonic())
        self._monitor.update(None, self._reading(look.state, look.note))

    def _reading(
        self,
        state: CameraState,
        note: str = "",
        *,
        image: ByteArray | None = None,
        stone: Stone | None = None,
    ) -> Reading:
        box = None
        if stone is not None and image is not None:
            box = box_around(stone, _MARGIN, *image.shape[:2])
        return Reading(
            *(None, box, self._fps, 0.0, self._feed.dropped, state, note),
            prompt=self._photographer.prompt,
            trouble=self._photographer.problem,
        )


def run_capture(
    feed: Feed,
    photographer: Photographer,
    monitor: Monitor,
    *,
    light: Light | None = None,
    stop: Event | None = None,
) -> None:
    """Take pictures until the source ends or `stop` is set. A file plays as it was filmed.

    Args:
        feed: entered already; give it the same `stop`.
        photographer: entered already.

    Raises:
        CameraError: a file broke off.
    """
    stop = stop or Event()
    pace = None if feed.live or not feed.fps else Pace(feed.fps)
    loop = CaptureLoop(feed, photographer, monitor, light)
    while not stop.is_set() and loop.step():
        if pace is not None and not pace.wait(stop):
            break
