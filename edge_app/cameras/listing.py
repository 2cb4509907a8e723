"""The cameras that are plugged in: what each is, gives and lets us hold still."""

from __future__ import annotations

import errno
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_app.cameras.access import holders, permission_remedy
from edge_app.sources.v4l2_controls import lockable
from edge_app.v4l2.device import Names, Size, V4l2Device, video_devices
from edge_app.v4l2.identity import identity_of, stable_path

if TYPE_CHECKING:
    from deploy.arrays import Json

JETSON_SENSORS = "tegra-video"  # raw pictures, of use through nvarguscamerasrc alone
# A Raspberry Pi's own: sensors, image processors, decoders. libcamera alone can use them.
PI_DRIVERS = ("unicam", "rp1-cfe", "bcm2835-isp", "bcm2835-codec", "pispbe", "rpi-hevc-dec")


@dataclass(frozen=True)
class Mode:
    """A pixel format at a size.

    fps: the rates offered, highest first; empty where the driver does not say.
    is_range: any size up to this one.
    """

    format: str
    width: int
    height: int
    fps: tuple[float, ...]
    is_range: bool = False


@dataclass(frozen=True)
class FoundCamera:
    """One camera.

    uri: what --source takes.
    stable_uri: the same camera whatever its number; empty where there is no such name.
    locks: what can be held still, of exposure, gain and white balance.
    problem: why it cannot be used; empty where it can.
    """

    uri: str
    name: str
    driver: str = ""
    bus: str = ""
    identity: str = ""
    stable_uri: str = ""
    modes: tuple[Mode, ...] = ()
    locks: tuple[str, ...] = ()
    problem: str = ""

    def as_json(self) -> Json:
        """For a file."""
        return asdict(self)


def find_cameras() -> list[FoundCamera]:
    """Every camera of Video4Linux, one entry each: nodes that give no picture are left out.

    A Jetson's own sensors are named as csi://, in their order; a Raspberry Pi's are not here.
    """
    found: list[FoundCamera] = []
    sensors = 0
    for device in video_devices():
        camera = _look_at(device)
        if camera is None:
            continue
        if camera.driver == JETSON_SENSORS:
            camera = _sensor(camera, sensors)
            sensors += 1
        found.append(camera)
    return found


def _look_at(device: Path) -> FoundCamera | None:
    """A device, or None where it is no camera."""
    uri = f"v4l2://{device}"
    try:
        with V4l2Device(device) as opened:
            if not opened.names.captures or opened.names.driver in PI_DRIVERS:
                return None
            return _describe(device, uri, opened)
    except PermissionError:
        return FoundCamera(uri, device.name, problem=f"not permitted: {permission_remedy(device)}")
    except OSError as exc:
        if exc.errno in (errno.ENOTTY, errno.EINVAL):  # no Video4Linux device at all
            return None
        return FoundCamera(uri, device.name, problem=f"does not answer: {exc.strerror}")


def _describe(device: Path, uri: str, opened: V4l2Device) -> FoundCamera:
    names = opened.names
    stable = stable_path(device)
    return FoundCamera(
        uri,
        *(names.card, names.driver, names.bus, identity_of(device)),
        stable_uri=f"v4l2://{stable}" if stable else "",
        modes=tuple(_modes(opened)),
        locks=tuple(lockable(opened)),
        problem=_in_use(device, opened, names),
    )


def _in_use(device: Path, opened: V4l2Device, names: Names) -> str:
    """Who takes pictures from it. A sensor of a Jetson is its daemon's, which is how it works."""
    if names.driver == JETSON_SENSORS or not opened.is_busy():
        return ""
    seen = ", ".join(str(one) for one in holders(device))
    return f"in use by {seen or 'another program'}"


def _modes(opened: V4l2Device) -> list[Mode]:
    return [
        Mode(letters, size.width, size.height, _rates(opened, letters, size), size.is_range)
        for letters in opened.formats()
        for size in sorted(opened.sizes(letters), key=lambda size: -size.width * size.height)
    ]


def _rates(opened: V4l2Device, letters: str, size: Size) -> tuple[float, ...]:
    return tuple(sorted((round(fps, 2) for fps in opened.rates(letters, size)), reverse=True))


def _sensor(camera: FoundCamera, number: int) -> FoundCamera:
    """A Jetson's sensor, which nvarguscamerasrc counts in the order of the devices."""
    return FoundCamera(
        *(f"csi://{number}", camera.name, camera.driver, camera.bus, camera.identity),
        modes=camera.modes,
        problem=camera.problem,
    )
