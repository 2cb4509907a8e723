"""What a camera can be in. In no state but `LIVE` does a picture reach the network."""

from __future__ import annotations

from enum import Enum


class CameraState(str, Enum):
    """The states by name, as they are published; `advice` is what the operator reads below it."""

    STARTING = "starting"
    LIVE = "live"
    STALLED = "stalled"
    LOST = "lost"
    BLACK = "black"
    FROZEN = "frozen"
    TOO_DARK = "too dark"
    TOO_BRIGHT = "too bright"
    MOVED_LIGHT = "moved light"

    @property
    def advice(self) -> str:
        """What it means and what to do, in one short line."""
        return _ADVICE[self]


_ADVICE = {
    CameraState.STARTING: "the camera is warming up",
    CameraState.LIVE: "",
    CameraState.STALLED: "no picture from the camera",
    CameraState.LOST: "the camera is gone: check its cable",
    CameraState.BLACK: "take the cap off, or turn the light on",
    CameraState.FROZEN: "the camera repeats one picture: unplug it and plug it in",
    CameraState.TOO_DARK: "turn the light on, or up",
    CameraState.TOO_BRIGHT: "turn the light down",
    CameraState.MOVED_LIGHT: "the light has changed: put it back, or calibrate the camera again",
}
