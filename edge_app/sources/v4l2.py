"""A camera that Video4Linux knows: a webcam, a microscope, a capture card."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.errors import CameraError, SettingsError
from edge_app.sources.base import Frame
from edge_app.sources.options import rate, whole
from edge_app.sources.quiet import quiet_opencv
from edge_app.sources.uri import Uri

# OpenCV waits 10 s for a frame unless this is set before it opens its first camera.
SELECT_TIMEOUT = ("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")


class CameraSource:
    """One /dev/video device, through OpenCV."""

    live = True

    def __init__(
        self, device: Path, *, width: int = 1280, height: int = 720, fps: float = 30.0
    ) -> None:
        """Name a camera, with the picture size and rate to ask it for; it may choose others."""
        self.name = f"camera {device}"
        self.fps: float | None = fps
        self._device = device
        self._wanted = {
            # Most webcams reach 720 lines at full rate as Motion JPEG alone. Set first: the size
            # is checked against the format. A camera that knows no JPEG ignores it.
            cv2.CAP_PROP_FOURCC: _fourcc("MJPG"),
            cv2.CAP_PROP_FRAME_WIDTH: width,
            cv2.CAP_PROP_FRAME_HEIGHT: height,
            cv2.CAP_PROP_FPS: fps,
        }
        self._capture: cv2.VideoCapture | None = None
        self._index = 0

    def __enter__(self) -> CameraSource:
        """Open the camera.

        Raises:
            CameraError: it is not there, not permitted, or in use.
        """
        check_device(self._device)
        os.environ.setdefault(*SELECT_TIMEOUT)
        with quiet_opencv():
            self._capture = cv2.VideoCapture(str(self._device), cv2.CAP_V4L2)
            if not self._capture.isOpened():
                raise CameraError(
                    f"{self._device} is there but gives no video: another program may be using it "
                    f"(see: fuser {self._device}), or it is not a camera. {_others(self._device)}"
                )
            for prop, value in self._wanted.items():
                self._capture.set(prop, value)
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or self.fps
        self._index = 0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def read(self) -> Frame | None:
        """The next frame. It counts as captured when it arrives, before it is decoded.

        Raises:
            CameraError: no frame within 2 s, or one that cannot be decoded.
        """
        if self._capture is None or not self._capture.grab():
            raise CameraError(f"{self._device} gave no frame. Check that it is still plugged in.")
        captured_at = time.monotonic()
        ok, image = self._capture.retrieve()
        if not ok:
            raise CameraError(f"{self._device} gave a frame that cannot be decoded")
        frame = Frame(_colour(image), captured_at, self._index)
        self._index += 1
        return frame


def from_uri(uri: Uri) -> CameraSource:
    """The camera that `0`, `v4l2:///dev/video0` or `/dev/video0` means.

    Raises:
        SettingsError: an option is not known, or the path is not below /dev.
    """
    options = uri.options({"width": whole(16), "height": whole(16), "fps": rate})
    device = f"/dev/video{uri.path}" if uri.path.isdecimal() else uri.path
    if not device.startswith("/dev/"):
        problem = "write the camera as v4l2:///dev/video0, with three slashes"
        raise SettingsError(f"{uri.text}: {problem}.")
    return CameraSource(Path(device), **options)


def list_devices() -> list[Path]:
    """The /dev/video* that exist, in order of their numbers."""
    found = [path for path in Path("/dev").glob("video*") if path.name[5:].isdecimal()]
    return sorted(found, key=lambda path: int(path.name[5:]))


def check_device(device: Path) -> None:
    """Say what keeps a camera from being opened.

    Raises:
        CameraError: it is not there, or this user may not use it.
    """
    if not device.exists():
        raise CameraError(f"{device} is not there: no such camera. {_others(device)}")
    if not os.access(device, os.R_OK | os.W_OK):
        raise CameraError(
            f"{device} is there but this user may not use it. Run: sudo usermod -aG video $USER, "
            "then log out and in again."
        )


def _others(device: Path) -> str:
    others = [str(path) for path in list_devices() if path != device]
    if others:
        return f"Cameras that are there: {', '.join(others)}."
    return "No camera is there: plug one in, or try --source demo://"


def _colour(image: Any) -> ByteArray:
    """Grey cameras give one channel; the rest of the loop takes three."""
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return np.asarray(image, np.uint8)


def _fourcc(code: str) -> float:
    return float(sum(ord(letter) << (8 * place) for place, letter in enumerate(code)))
