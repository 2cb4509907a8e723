"""A video file, read through OpenCV."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import cv2

from deploy.arrays import ByteArray
from deploy.errors import CameraError
from edge_app.sources.base import Frame
from edge_app.sources.quiet import quiet_opencv

log = logging.getLogger(__name__)


class VideoSource:
    """Every frame of a video file, in order."""

    live = False

    def __init__(self, path: Path, *, loop: bool = False) -> None:
        """Name a video file.

        Args:
            loop: start again after the last frame, for ever.
        """
        self.name = f"video {path}"
        self.fps: float | None = None
        self._path = path
        self._loop = loop
        self._capture: cv2.VideoCapture | None = None
        self._first: ByteArray | None = None
        self._index = 0

    def __enter__(self) -> VideoSource:
        """Open the file and decode its first frame.

        Raises:
            CameraError: the file is not there, not a video, or holds no frame.
        """
        self._index = 0
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def read(self) -> Frame | None:
        """The next frame, or None at the end; an end that comes too early is warned of."""
        image = self._decode()
        if image is None:
            self._warn_if_cut_short()
            if self._loop:
                self._close()
                self._open()
                image = self._decode()
        if image is None:
            return None
        frame = Frame(image, captured_at=time.monotonic(), index=self._index)
        self._index += 1
        return frame

    def _open(self) -> None:
        if not self._path.is_file():
            raise CameraError(f"{self._path} is not there. Check the name of the video file.")
        with quiet_opencv():
            self._capture = cv2.VideoCapture(str(self._path), _reader())
            opened = self._capture.isOpened()
            self._first = self._grab() if opened else None
        if self._first is None:
            self._close()
            raise CameraError(
                f"{self._path} holds no video frame that OpenCV can decode: it is cut off, or of "
                "another kind. Copy it again, or convert it: ffmpeg -i IN -c:v libx264 OUT.mp4"
            )
        self.fps = self._said(cv2.CAP_PROP_FPS) or None
        self._decoded = 0

    def _close(self) -> None:
        if self._capture is not None:
            self._capture.release()
        self._capture = self._first = None

    def _decode(self) -> ByteArray | None:
        image, self._first = self._first, None
        if image is None:
            image = self._grab()
        if image is not None:
            self._decoded += 1
        return image

    def _grab(self) -> ByteArray | None:
        if self._capture is None:
            return None
        ok, image = self._capture.read()
        return image if ok else None  # type: ignore[return-value]

    def _said(self, prop: int) -> float:
        value = self._capture.get(prop) if self._capture is not None else 0.0
        return value if 0 < value < 1e9 else 0.0  # broken files state nonsense, negative too

    def _warn_if_cut_short(self) -> None:
        """Containers estimate their count, so a few frames less are no reason to speak."""
        stated = self._said(cv2.CAP_PROP_FRAME_COUNT)
        if stated - self._decoded > max(2.0, 0.02 * stated):
            log.warning(
                "%s ends after %d of %.0f frames: the file is cut off or damaged there",
                *(self._path, self._decoded, stated),
            )


def _reader() -> int:
    """FFmpeg where it is built in: GStreamer would be tried after it, and warns on stderr."""
    ffmpeg = cv2.CAP_FFMPEG in cv2.videoio_registry.getBackends()
    return cv2.CAP_FFMPEG if ffmpeg else cv2.CAP_ANY
