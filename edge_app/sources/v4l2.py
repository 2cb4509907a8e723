"""A camera that Video4Linux knows: a webcam, a microscope, a capture card."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calibration.camera.settings import CameraSettings
from deploy.arrays import ByteArray, FloatArray
from deploy.errors import CameraError, SettingsError
from edge_app.sources.base import Frame, Locked
from edge_app.sources.camera_jpeg import JpegDecoder
from edge_app.sources.options import rate, whole
from edge_app.sources.quiet import quiet_opencv
from edge_app.sources.uri import Uri
from edge_app.sources.v4l2_controls import automatics, lock_controls, restore
from edge_app.sources.v4l2_freeze import hold_chosen, mean_colour
from edge_app.sources.v4l2_trouble import check_device, why_no_frame, why_no_video
from edge_app.v4l2.device import V4l2Device, fourcc
from edge_app.v4l2.identity import identity_of

# OpenCV waits 10 s for a frame unless this is set before it opens its first camera.
SELECT_TIMEOUT = ("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")
SETTLING_FRAMES = 6  # OpenCV has asked for four in advance; sensors take one or two to follow
SETTLING_S = 2.0
LOOKS = 3  # frames whose mean says how bright it is, lamps' flicker and all


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
            cv2.CAP_PROP_FOURCC: fourcc("MJPG"),
            cv2.CAP_PROP_FRAME_WIDTH: width,
            cv2.CAP_PROP_FRAME_HEIGHT: height,
            cv2.CAP_PROP_FPS: fps,
        }
        self._capture: cv2.VideoCapture | None = None
        self._cleanup = ExitStack()
        self._jpeg: JpegDecoder | None = None
        self._automatics: dict[int, int] = {}
        self._identity = ""  # kept, since an unplugged camera cannot be asked
        self._index = 0

    @property
    def identity(self) -> str:
        """This very camera, at whatever port and under whatever number."""
        return self._identity or identity_of(self._device)

    def __enter__(self) -> CameraSource:
        """Open the camera.

        Raises:
            CameraError: it is not there, not permitted, or in use.
        """
        check_device(self._device)
        os.environ.setdefault(*SELECT_TIMEOUT)
        with ExitStack() as stack:
            stack.enter_context(quiet_opencv())
            capture = cv2.VideoCapture(str(self._device), cv2.CAP_V4L2)
            stack.callback(capture.release)
            for prop, value in self._wanted.items():
                capture.set(prop, value)
            if not capture.isOpened():
                raise CameraError(why_no_video(self._device))
            self._cleanup = stack.pop_all()
        self._capture, self._identity = capture, identity_of(self._device)
        self._take_jpeg_undecoded()
        self.fps = capture.get(cv2.CAP_PROP_FPS) or self.fps
        self._index = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._capture = None
        if self._automatics:
            self._unlock()
        self._cleanup.close()

    def read(self) -> Frame | None:
        """The next frame. It counts as captured when it arrives, before it is decoded.

        Raises:
            CameraError: no frame within 2 s, or one that cannot be decoded.
        """
        if self._capture is None or not self._capture.grab():
            raise CameraError(why_no_frame(self._device, first=self._index == 0))
        captured_at = time.monotonic()
        image = self._picture(self._capture)
        if image is None:
            raise CameraError(f"{self._device} gave a damaged picture: try another cable or port.")
        frame = Frame(image, captured_at, self._index)
        self._index += 1
        return frame

    def lock(self, wanted: CameraSettings | None) -> Locked:
        """Turn the automatics off: hold `wanted`, or with None what they have chosen by now.

        Call it between two reads, in the thread that reads. It costs six frames, with None some
        twenty, in which the tray should be still: whether the camera has told the truth is seen
        by its picture.

        Raises:
            CameraError: the camera is gone.
        """
        try:
            with V4l2Device(self._device) as device:
                self._automatics = self._automatics or automatics(device)
                if wanted is None:
                    return hold_chosen(device, self._look)
                locked = lock_controls(device, wanted)
        except OSError as exc:
            raise CameraError(f"{self._device} does not answer ({exc}): was it unplugged?") from exc
        self._settle()
        return locked

    def _unlock(self) -> None:
        """Leave the camera as it was found, for whatever uses it next."""
        before, self._automatics = self._automatics, {}
        with suppress(OSError), V4l2Device(self._device) as device:  # it may be gone
            restore(device, before)

    def _settle(self) -> bool:
        """Let those frames pass that were exposed before. False: none came."""
        deadline = time.monotonic() + SETTLING_S
        for _ in range(SETTLING_FRAMES):
            if self._capture is None or not self._capture.grab():
                return False
            if time.monotonic() > deadline:
                break
        return True

    def _look(self) -> FloatArray | None:
        """The mean colour of what it sees with the settings of now."""
        images: list[ByteArray] = []
        while self._capture and len(images) < LOOKS and (images or self._settle()):
            image = self._picture(self._capture) if self._capture.grab() else None
            if image is None:
                break
            images.append(image)
        return mean_colour(images)

    def _take_jpeg_undecoded(self) -> None:
        """Decode JPEG ourselves: OpenCV repeats the last picture where one is damaged."""
        capture, self._jpeg = self._capture, None
        if capture is None or round(capture.get(cv2.CAP_PROP_FOURCC)) != fourcc("MJPG"):
            return
        if capture.set(cv2.CAP_PROP_CONVERT_RGB, 0):
            self._jpeg = JpegDecoder()

    def _picture(self, capture: cv2.VideoCapture) -> ByteArray | None:
        ok, image = capture.retrieve()
        if not ok:
            return None
        return _colour(image) if self._jpeg is None else self._jpeg.decode(np.asarray(image))


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


def _colour(image: Any) -> ByteArray:
    """Grey cameras give one channel; the rest of the loop takes three."""
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return np.asarray(image, np.uint8)
