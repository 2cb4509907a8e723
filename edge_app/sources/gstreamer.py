"""`gst://PIPELINE`: whatever GStreamer can deliver, through OpenCV."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import cv2

from deploy.errors import CameraError, MissingDependencyError, SettingsError
from edge_app.doctor.jetson import gstreamer_remedy
from edge_app.sources.apart import ApartCapture
from edge_app.sources.base import Frame
from edge_app.sources.mask import masked
from edge_app.sources.uri import Uri

TO_BGR = "videoconvert ! video/x-raw,format=BGR"
NEWEST = "appsink drop=true max-buffers=1 sync=false"  # a live camera: the newest frame alone
EVERY = "appsink max-buffers=1 sync=false"  # what has an end waits for who reads it
NAME_CHARACTERS = 60
CODED = re.compile(r"rtsp|h26[45]|vp[89]|av1", re.IGNORECASE)
ENDS = re.compile(r"\bnum-buffers=|\b\w*filesrc\b|\bfile:/")


def from_uri(uri: Uri) -> PipelineSource:
    """The source that `gst://videotestsrc is-live=true` means.

    The text is GStreamer's own, as for gst-launch-1.0, up to the appsink or with it. It may hold
    question marks; there are no options.

    Raises:
        SettingsError: there is no pipeline.
        MissingDependencyError: OpenCV was built without GStreamer.
    """
    text = uri.text.partition("://")[2].strip().rstrip("!").strip()
    if not text:
        raise SettingsError(
            "gst:// needs a pipeline: gst://v4l2src device=/dev/video0 ! videoconvert"
        )
    require_gstreamer("gst://")
    ends = bool(ENDS.search(text))
    name = masked(text)
    if not re.search(r"\bappsink\b", text):
        text = f"{text} ! {TO_BGR} ! {EVERY if ends else NEWEST}"
    short = name if len(name) <= NAME_CHARACTERS else f"{name[:NAME_CHARACTERS]}…"
    return PipelineSource(
        f"pipeline {short}",
        text,
        live=not ends,
        identity=f"pipeline {name}",
        coded=bool(CODED.search(text)),
    )


def has_gstreamer() -> bool:
    """OpenCV was built with GStreamer. pip's opencv-python is not."""
    return bool(re.search(r"GStreamer:\s+YES", cv2.getBuildInformation()))


def require_gstreamer(where: str) -> None:
    """Say what to do where OpenCV has no GStreamer.

    Raises:
        MissingDependencyError: it has none.
    """
    if not has_gstreamer():
        raise MissingDependencyError(
            f"{where} needs an OpenCV with GStreamer, and this one has none: {gstreamer_remedy()}"
        )


class PipelineSource:
    """A source that OpenCV opens in a process of its own; it never blocks for good.

    Args:
        name: for the screen and the log, without passwords.
        pipeline: GStreamer's, to an appsink; or an address for another `api`.
        live: a camera, whose end is an error; else the end of a file.
        api: which of OpenCV's libraries reads it.
        environment: set for that library alone.
        identity: what its profile is found by, where that is not its name.
        coded: of its frames (`edge_app.sources.base.Frame`).
    """

    def __init__(
        self,
        name: str,
        pipeline: str,
        *,
        live: bool = True,
        api: int = cv2.CAP_GSTREAMER,
        environment: Mapping[str, str] | None = None,
        identity: str = "",
        coded: bool = False,
    ) -> None:
        self.name = name
        self.live = live
        self.fps: float | None = None
        self.advice = ""  # what to do when it gives nothing
        self._pipeline = pipeline
        self._api = api
        self._environment = dict(environment or {})
        self._identity = identity or name
        self._coded = coded
        self._capture: ApartCapture | None = None

    @property
    def identity(self) -> str:
        """What its profile is found by."""
        return self._identity

    def __enter__(self) -> PipelineSource:
        """Open it.

        Raises:
            CameraError: it cannot be opened, or not within 10 s.
        """
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def read(self) -> Frame | None:
        """The next frame, or None at the end of what has one.

        Raises:
            CameraError: no frame within 2 s (longer below 1.25 frames per second), or a camera
                has ended.
        """
        if self._capture is None:
            raise CameraError(f"{self.name} was read before it was opened. Open it with `with`.")
        try:
            frame = self._capture.read()
        except CameraError as exc:
            raise self._failed(exc) from exc
        if frame is None and self.live:
            raise CameraError(f"{self.name} has stopped sending.{self.advice}")
        return frame and replace(frame, coded=self._coded)

    def _open(self) -> None:
        self._close()
        try:
            self._capture = ApartCapture(
                self._pipeline, self._api, live=self.live, environment=self._environment
            )
        except CameraError as exc:
            raise self._failed(exc) from exc
        self.fps = self._capture.fps

    def _close(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.close()

    def _failed(self, error: CameraError) -> CameraError:
        return CameraError(f"{self.name} gives no video: {error}.{self.advice}")
