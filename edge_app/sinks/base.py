"""The face that every place for drawn frames shows."""

from __future__ import annotations

from typing import Protocol

from deploy.arrays import ByteArray
from deploy.errors import GemscanError


class DisplayError(GemscanError):
    """Frames cannot be shown on this machine's screen."""


class Sink(Protocol):
    """Takes drawn frames one after another. A context manager, which opens and finishes it."""

    @property
    def name(self) -> str:
        """What it is, for the log: "window", "recording demo.mp4"."""

    def show(self, image_bgr: ByteArray) -> bool:
        """Take one frame, (H, W, 3) uint8, BGR. False: the user asked to stop."""

    def poll(self) -> bool:
        """Answer the user while no frame comes. False: the user asked to stop."""

    def __enter__(self) -> Sink: ...

    def __exit__(self, *_: object) -> None: ...
