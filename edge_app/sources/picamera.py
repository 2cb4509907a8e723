"""A Raspberry Pi's own camera, through picamera2 and libcamera."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration.camera.settings import CameraSettings
from deploy.arrays import ByteArray
from deploy.errors import CameraError, SettingsError, require
from edge_app.sources.base import Frame, Locked
from edge_app.sources.options import rate, switch, whole
from edge_app.sources.picamera_library import REMEDY, explain, find_camera, open_camera
from edge_app.sources.picamera_lock import hold
from edge_app.sources.picamera_requests import Arrival, NewestRequest
from edge_app.sources.uri import Uri

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 2.0
# libcamera's "RGB888" is B, G, R in memory, what OpenCV expects; its "BGR888" is R, G, B.
BGR_FORMAT = "RGB888"
# One buffer waits to be read and one is being copied, which leaves two that the sensor fills in
# turn. More would not bring a newer frame, and contiguous memory is short: six have failed to fit
# (raspberrypi/picamera2 issue 972).
BUFFERS = 4
OPTIONS = {
    "width": whole(16),
    "height": whole(16),
    "fps": rate,
    "hflip": switch,
    "vflip": switch,
    "focus_cm": whole(1),
}
FRAME_DURATION = "FrameDurationLimits"  # in microseconds, shortest and longest


@dataclass(frozen=True)
class PiCameraSettings:
    """How to ask for pictures.

    width, height: in pixels, even; libcamera may choose others.
    fps: frames per second; 0 leaves the rate to picamera2.
    hflip, vflip: mirror left to right, top to bottom; both turn the picture by half.
    focus_cm: from the lens to the stone, in centimetres, for a camera that can move its lens. None
        leaves the lens where it rests: picamera2 turns no autofocus on.
    """

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    hflip: bool = False
    vflip: bool = False
    focus_cm: int | None = None


class PiCameraSource:
    """One camera of libcamera's list."""

    live = True

    def __init__(self, number: int, settings: PiCameraSettings | None = None) -> None:
        self.name = f"Raspberry Pi camera {number}"
        self._settings = settings or PiCameraSettings()
        self.fps: float | None = self._settings.fps or None
        self._number = number
        self._identity: str | None = None
        self._camera: Any = None
        self._newest = NewestRequest()
        self._shape: tuple[int, int, int] | None = None
        self._cleanup = ExitStack()

    @property
    def identity(self) -> str:
        """The sensor's model and the connector it is on.

        Raises:
            MissingDependencyError: picamera2 cannot be loaded.
            CameraError: there is no such camera.
        """
        if self._identity is None:
            self._identity = find_camera(self._number).identity
        return self._identity

    def __enter__(self) -> PiCameraSource:
        """Open the camera and start it.

        Raises:
            MissingDependencyError: picamera2 cannot be loaded.
            CameraError: the camera is not there, is in use, or cannot give what was asked for.
        """
        self._identity = find_camera(self._number).identity
        with ExitStack() as stack:
            camera = open_camera(self._number)
            # `close` alone, without `stop`: it ends picamera2's thread first, then stops the
            # camera itself. `stop` asks that thread, and waits for good where it no longer runs.
            stack.callback(self._close, camera)
            self._newest = NewestRequest()
            stack.callback(self._newest.close)
            self._start(camera)
            self._camera = camera
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._camera = None
        self._cleanup.close()

    def read(self) -> Frame | None:
        """The newest frame that was not read yet.

        Raises:
            CameraError: none within 2 s, or one that is not the picture that was asked for.
        """
        with self._next() as arrival:
            return Frame(self._copy(arrival), arrival.at, arrival.index)

    def lock(self, wanted: CameraSettings | None) -> Locked:
        """Hold exposure, gain and white balance until the camera is opened anew.

        Raises:
            CameraError: the camera is not open, or gives no frames.
        """
        if self._camera is None:
            raise CameraError(f"{self.name} is not open")
        return hold(wanted, self._camera.camera_controls, self._camera.set_controls, self._metadata)

    def _start(self, camera: Any) -> None:
        try:
            camera.configure(self._configuration(camera))
            self._check(camera.camera_configuration())
            self._note_rate(camera.camera_controls)
            camera.post_callback = self._newest.put
            camera.start(show_preview=False)  # no window, but picamera2's own thread
        except (RuntimeError, OSError) as exc:
            raise CameraError(f"{self.name} cannot be started: {explain(exc)}") from exc

    def _configuration(self, camera: Any) -> Any:
        wanted = self._settings
        return camera.create_video_configuration(
            main={"size": (wanted.width, wanted.height), "format": BGR_FORMAT},
            transform=_transform(wanted),
            buffer_count=BUFFERS,
            controls=self._controls(camera.camera_controls),
            queue=False,  # picamera2 would hold a buffer of its own, for calls not used here
        )

    def _controls(self, known: Container[str]) -> dict[str, Any]:
        controls: dict[str, Any] = {}
        if self._settings.fps and FRAME_DURATION in known:
            frame_us = round(1e6 / self._settings.fps)
            controls[FRAME_DURATION] = (frame_us, frame_us)
        if self._settings.focus_cm is not None:
            if "LensPosition" not in known:
                raise CameraError(f"{self.name} cannot move its lens: leave out focus_cm")
            # 0: libcamera's AfModeManual. The position is in dioptres, one by the metres.
            controls |= {"AfMode": 0, "LensPosition": 100 / self._settings.focus_cm}
        return controls

    def _check(self, given: Any) -> None:
        """libcamera changes what a camera cannot do, and goes on."""
        main, wanted = given["main"], self._settings
        if main["format"] != BGR_FORMAT:  # a USB camera, which picamera2 lists as well
            raise CameraError(
                f"{self.name} gives pictures as {main['format']}, not as {BGR_FORMAT}. "
                "If it is a USB camera, use --source 0"
            )
        flipped = given["transform"]
        if (bool(flipped.hflip), bool(flipped.vflip)) != (wanted.hflip, wanted.vflip):
            raise CameraError(f"{self.name} cannot turn its picture: leave out hflip and vflip")
        width, height = main["size"]
        self._shape = (height, width, 3)

    def _note_rate(self, controls: Any) -> None:
        """A rate beyond the sensor's is not refused; it delivers as fast as it can."""
        if self._settings.fps and FRAME_DURATION in controls:
            shortest_us = controls[FRAME_DURATION][0]
            self.fps = min(self._settings.fps, 1e6 / max(shortest_us, 1))

    def _close(self, camera: Any) -> None:
        try:
            camera.close()
        except (RuntimeError, OSError) as exc:  # it is gone: nobody can act on it here
            log.warning("%s did not close: %s", self.name, explain(exc))

    def _copy(self, arrival: Arrival) -> ByteArray:
        """The picture, in memory of its own: the camera gets its buffer back."""
        try:
            image = arrival.request.make_array("main")
        except (RuntimeError, ValueError, OSError) as exc:
            raise CameraError(f"a frame cannot be read ({exc})") from exc
        if image.shape != self._shape or image.dtype != np.uint8:
            raise CameraError(f"a frame of {image.shape} {image.dtype}, not of {self._shape}")
        return np.asarray(image, np.uint8)

    def _metadata(self) -> Any:
        with self._next() as arrival:
            return arrival.request.get_metadata()

    @contextmanager
    def _next(self) -> Iterator[Arrival]:
        try:
            with self._newest.next(READ_TIMEOUT_S) as arrival:
                yield arrival
        except CameraError as exc:
            raise CameraError(f"{self.name}: {exc}. Check its ribbon cable.") from exc


def from_uri(uri: Uri) -> PiCameraSource:
    """The camera that `picamera2://0?width=1280&height=720&fps=30&focus_cm=15` means.

    Raises:
        SettingsError: an option is not known, or the camera is not a number.
    """
    number = uri.path or "0"
    if not number.isdecimal():
        raise SettingsError(f"{uri.text}: write the camera's number, as in picamera2://0")
    options = uri.options(OPTIONS)
    return PiCameraSource(int(number), PiCameraSettings(**options))


def _transform(settings: PiCameraSettings) -> Any:
    libcamera = require("libcamera", remedy=REMEDY)
    return libcamera.Transform(hflip=settings.hflip, vflip=settings.vflip)
