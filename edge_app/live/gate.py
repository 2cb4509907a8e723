"""Which pictures may reach the network: those of a live camera, in the light they need."""

from __future__ import annotations

from typing import Protocol

from deploy.arrays import ByteArray
from edge_app.feed.base import Feed
from edge_app.live.picture_watch import PictureWatch
from edge_app.live.states import CameraState
from edge_app.sources.base import Frame

FROZEN_HELP_S = 15.0  # a driver that repeats one picture is often cured by opening it again
LIGHT_HELP_S = 10.0  # locked while the lamp was off, a camera stays blind until it may adjust anew
MOST_DOUBLINGS = 6  # ten minutes: a lamp that is off all night must not have it opened all night


class Light(Protocol):
    """The camera's profile at work."""

    def moved(self, raw_bgr: ByteArray, at_s: float) -> bool:
        """Whether the light is not the profile's any more."""

    def correct(self, raw_bgr: ByteArray) -> ByteArray:
        """The picture in the colours it would have in even, neutral light."""


class Gate:
    """Judges every frame. One for each run: some states take seconds to be sure of."""

    def __init__(self, feed: Feed, light: Light | None = None) -> None:
        """Args: feed: asked to open its camera again where that may help."""
        self._feed = feed
        self._light = light
        self._watch = PictureWatch(feed.live)
        self._state = CameraState.LIVE
        self._since_s = 0.0
        self._helped = 0  # times in this state

    def pass_on(self, frame: Frame) -> tuple[CameraState, ByteArray]:
        """The state that a frame shows, and its picture, in true colours where it is `LIVE`.

        Without a profile it is the frame's own array.
        """
        image, at_s = frame.image_bgr, frame.captured_at
        state = self._watch.state(image, at_s, coded=frame.coded)
        if state is CameraState.LIVE and self._light is not None:
            if self._light.moved(image, at_s):
                state = CameraState.MOVED_LIGHT
            image = self._light.correct(image)
        self._help(state, at_s)
        return state, image

    def _help(self, state: CameraState, now_s: float) -> None:
        """What lasts is answered by opening the camera again, each time after twice as long."""
        if state is not self._state:
            self._state, self._since_s, self._helped = state, now_s, 0
        lasts_s = (now_s - self._since_s) / 2**self._helped
        if state is CameraState.FROZEN and lasts_s >= FROZEN_HELP_S:
            self._reopen("it repeats one picture", now_s)
        elif state in _BLIND and lasts_s >= LIGHT_HELP_S:
            self._reopen(f"the picture is {state.value}", now_s, afresh=True)

    def _reopen(self, why: str, now_s: float, *, afresh: bool = False) -> None:
        self._feed.reopen(why, afresh=afresh)
        self._since_s = now_s
        self._helped = min(self._helped + 1, MOST_DOUBLINGS)


_BLIND = (CameraState.BLACK, CameraState.TOO_DARK, CameraState.TOO_BRIGHT)
