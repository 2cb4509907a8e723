"""picamera2 itself: loaded, asked for its cameras, and one of them opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.errors import CameraError, GemscanError, MissingDependencyError, require

REMEDY = (
    "sudo apt install python3-picamera2, and make the environment of the system's Python with "
    "python3 -m venv --system-site-packages .venv"
)
NUMPY_REMEDY = (
    "the environment's NumPy hides the one that picamera2 was built with: "
    "pip uninstall numpy, so that the system's is found again"
)


@dataclass(frozen=True)
class PiCamera:
    """A camera that libcamera knows.

    number: its place in the list, which is what `picamera2://0` counts.
    model: of the sensor: "imx708".
    path: of the connector that it is on, as libcamera writes it.
    """

    number: int
    model: str
    path: str

    @property
    def identity(self) -> str:
        """The same after a restart; another one on the other connector."""
        return f"picamera2 {self.model} {self.path}"

    @property
    def is_usb(self) -> bool:
        """A webcam, which libcamera lists too and Video4Linux serves better."""
        return "usb" in self.path.lower()


def load_picamera2() -> Any:
    """The module.

    Raises:
        MissingDependencyError: it, or libcamera under it, is absent or was built for another NumPy.
    """
    try:
        return require("picamera2", remedy=REMEDY)
    except (ValueError, AttributeError) as exc:  # raspberrypi/picamera2 issues 1170 and 1211
        raise MissingDependencyError(
            f"picamera2 is installed but cannot be loaded: {exc}\nTo fix it: {NUMPY_REMEDY}"
        ) from exc


def list_cameras() -> list[PiCamera]:
    """The cameras in the order in which picamera2 counts them. None of them is opened.

    Raises:
        MissingDependencyError: picamera2 cannot be loaded.
        CameraError: libcamera cannot be asked.
    """
    picamera2 = load_picamera2()
    try:
        found = picamera2.Picamera2.global_camera_info()
    except RuntimeError as exc:
        raise CameraError(f"libcamera cannot list its cameras: {exc}") from exc
    return [
        PiCamera(number, str(info.get("Model", "unknown")), str(info["Id"]))
        for number, info in enumerate(found)
    ]


def find_camera(number: int) -> PiCamera:
    """One camera of the list.

    Raises:
        MissingDependencyError: picamera2 cannot be loaded.
        CameraError: there is no camera of that number.
    """
    cameras = list_cameras()
    if number < len(cameras):
        return cameras[number]
    if not cameras:
        raise CameraError(
            "libcamera finds no camera. Switch the board off, check the ribbon cable at both ends, "
            "then run: rpicam-hello --list-cameras"
        )
    there = ", ".join(f"picamera2://{one.number} ({one.model})" for one in cameras)
    raise CameraError(f"there is no camera number {number}. Cameras that are there: {there}")


def open_camera(number: int) -> Any:
    """The `Picamera2` object of a camera, which is this process's alone until it is closed.

    Raises:
        MissingDependencyError: picamera2 cannot be loaded.
        CameraError: another program has the camera, or it does not answer.
    """
    picamera2 = load_picamera2()
    try:
        return picamera2.Picamera2(number)
    except (RuntimeError, IndexError, OSError) as exc:
        problem = explain(exc)
    # Raised out here: the error would keep the half-made object alive, and that the camera.
    raise CameraError(f"Raspberry Pi camera {number} cannot be opened: {problem}")


def explain(error: BaseException) -> str:
    """What libcamera said, and what to do about it.

    picamera2's own sentence on top of libcamera's says only that it failed.
    """
    while (below := error.__cause__ or error.__context__) is not None:
        if isinstance(below, GemscanError):  # what was being dealt with when this one came
            break
        error = below
    problem = str(error) or type(error).__name__
    if "busy" in problem:
        return f"{problem}. Another program has it; find it with: fuser -v /dev/media* /dev/video*"
    if "Cannot allocate memory" in problem:
        return f"{problem}. Ask for a smaller picture (?width=640&height=480), or restart the board"
    return problem
