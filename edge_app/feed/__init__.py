"""From a source to the loop: opened, read in a thread of its own, and opened again when lost."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from calibration.camera.settings import CameraSettings
from edge_app.feed.base import Feed, Look
from edge_app.feed.camera import CameraFeed
from edge_app.feed.file import FileFeed
from edge_app.feed.hold import Holder
from edge_app.sources.base import Source

__all__ = ["Feed", "Look", "open_feed"]


def open_feed(
    source: Source,
    stop: Event | None = None,
    *,
    profiled: Callable[[], CameraSettings | None] | None = None,
    patient: bool = False,
) -> Feed:
    """The feed that fits a source; entering it opens the source.

    Args:
        stop: set by whoever wants the loop to end; no wait goes on after that.
        profiled: asked when the camera was opened for what it is to hold, by its profile; None:
            what it finds for itself.
        patient: wait for a camera that is not there at the start, as for one that was lost.
    """
    if not source.live:
        return FileFeed(source, stop)
    return CameraFeed(source, stop, holder=Holder(profiled), patient=patient)
