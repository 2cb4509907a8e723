"""A Jetson's own camera: nvarguscamerasrc, through OpenCV's GStreamer.

The names of properties, their ranges and units are those that `gst-inspect-1.0 nvarguscamerasrc`
and `gst-inspect-1.0 nvvidconv` print.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from calibration.camera.settings import CameraSettings
from deploy.errors import CameraError, SettingsError
from edge_app.sources.base import Locked
from edge_app.sources.gstreamer import NEWEST, TO_BGR, PipelineSource, require_gstreamer
from edge_app.sources.options import Converter, rate, switch, whole
from edge_app.sources.uri import Uri

ADVICE = (
    " Check the ribbon cable with the power off, then: sudo systemctl restart nvargus-daemon;"
    " ls /dev/video* shows which cameras the board knows"
)
NO_ELEMENT = " It is a Jetson's own and comes with JetPack: sudo apt install nvidia-l4t-gstreamer"
NOT_READ_BACK = "a Jetson does not say back which exposure and gain its camera holds"
LOCKED_AT_START = (
    "a Jetson locks {} as its automatics have it in the first frames after the camera opens"
)


@dataclass(frozen=True)
class CsiSettings:
    """How to open the camera.

    width, height: in pixels, of the sensor's picture before it is turned.
    fps: frames per second, above 0.
    flip: nvvidconv's flip-method, 0 to 7; 2 turns by half.
    properties: of nvarguscamerasrc, by its own names.
    """

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    flip: int = 0
    properties: dict[str, str] = field(default_factory=dict)


def from_uri(uri: Uri) -> CsiSource:
    """The camera that `csi://0?width=1280&height=720&fps=30&flip=2` means.

    Raises:
        SettingsError: no camera number, an unknown option, or one out of its range.
        MissingDependencyError: OpenCV was built without GStreamer.
    """
    number = uri.path.rstrip("/")
    if not number.isdecimal():
        raise SettingsError(f"{uri.text}: write the camera's number, as csi://0.")
    options = uri.options({**_SHAPE, **_PROPERTIES})
    shape = {name: options.pop(name) for name in _SHAPE if name in options}
    require_gstreamer("csi://")
    return CsiSource(int(number), CsiSettings(**shape, properties=options))


class CsiSource(PipelineSource):
    """One camera of a Jetson, by its number. Its locks take hold when it opens (`lock`)."""

    def __init__(self, sensor: int, settings: CsiSettings | None = None) -> None:
        self._sensor = sensor
        self._settings = settings or CsiSettings()
        self._held: dict[str, str] = {}
        super().__init__(f"camera csi://{sensor}", self._text())
        self.advice = ADVICE

    @property
    def identity(self) -> str:
        """The connector on the board: a Jetson tells no serial number of what is plugged in."""
        return f"csi-{self._sensor}"

    def lock(self, wanted: CameraSettings | None) -> Locked:
        """Open the camera anew with exposure, gain and white balance held.

        It costs about as long as opening did. The lock stays when the camera is lost and opened
        again, and asking for what is held already costs nothing.

        Args:
            wanted: `exposure_us` and `gain` are set; the rest is locked as the automatics have it.

        Raises:
            CameraError: the camera does not open again.
        """
        held = lock_properties(wanted)
        if held != self._held or self._capture is None:
            self._held = held
            self._pipeline = self._text()
            self._open()
        return self._locked(wanted or CameraSettings())

    def _locked(self, wanted: CameraSettings) -> Locked:
        said = self._capture.said if self._capture is not None else ""
        refused = re.findall(r"Invalid ([\w ]*Range) Input", said)
        exposure = None if any("Exposure" in name for name in refused) else wanted.exposure_us
        gain = None if any("Gain" in name for name in refused) else wanted.gain
        missing = [f"the camera refused the {name.lower()} it was given" for name in refused]
        missing += _cannot_hold(exposure, gain)
        most = 1e6 / self._settings.fps
        if exposure is not None and exposure > most:
            missing.append(f"an exposure above one frame ({most:.0f} µs) is cut to it in silence")
            exposure = most
        return Locked(CameraSettings(exposure_us=exposure, gain=gain), tuple(missing))

    def _failed(self, error: CameraError) -> CameraError:
        self.advice = NO_ELEMENT if "no element" in str(error) else ADVICE
        return super()._failed(error)

    def _text(self) -> str:
        return csi_pipeline(self._sensor, self._settings, self._held)


def csi_pipeline(sensor: int, settings: CsiSettings, held: dict[str, str] | None = None) -> str:
    """The pipeline to an appsink that keeps the newest frame.

    nvvidconv takes the frame out of the GPU's memory (NVMM) and can turn it, but makes no
    three-channel pictures: the fourth channel goes in videoconvert.

    Args:
        held: properties of nvarguscamerasrc that go before the settings' own.
    """
    properties = {**settings.properties, **(held or {})}
    source = " ".join(f'{name}="{value}"' for name, value in properties.items())
    fps = Fraction(settings.fps).limit_denominator(1001)
    size = f"width={settings.width},height={settings.height}"
    rated = f"framerate={fps.numerator}/{fps.denominator}"
    return " ! ".join(
        [
            f"nvarguscamerasrc sensor-id={sensor} {source}".strip(),
            f"video/x-raw(memory:NVMM),format=NV12,{size},{rated}",
            f"nvvidconv flip-method={settings.flip}",
            "video/x-raw,format=BGRx",
            *(TO_BGR, NEWEST),
        ]
    )


def lock_properties(wanted: CameraSettings | None) -> dict[str, str]:
    """What holds a camera's picture still, as properties of nvarguscamerasrc.

    A range of one value leaves the automatics no choice. The image processor's own gain is held
    at 1 with the sensor's: it would make up for what the sensor is not allowed.
    """
    held = {"aelock": "true", "awblock": "true"}
    if wanted is not None and wanted.exposure_us is not None:
        nanoseconds = round(wanted.exposure_us * 1000)
        held["exposuretimerange"] = f"{nanoseconds} {nanoseconds}"
    if wanted is not None and wanted.gain is not None:
        held["gainrange"] = f"{wanted.gain:g} {wanted.gain:g}"
        held["ispdigitalgainrange"] = "1 1"
    return held


def _cannot_hold(exposure_us: float | None, gain: float | None) -> list[str]:
    started = {"exposure": exposure_us, "gain": gain, "white balance": None}
    names = [name for name, value in started.items() if value is None]
    return [LOCKED_AT_START.format(" and ".join(names)), NOT_READ_BACK]


def _number(low: float, high: float) -> Converter:
    def convert(text: str) -> str:
        try:
            inside = low <= float(text) <= high
        except ValueError:
            inside = False
        if not inside:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return text.strip()

    return convert


def _choice(highest: int) -> Converter:
    def convert(text: str) -> int:
        if not text.isdecimal() or int(text) > highest:
            raise ValueError(f"a whole number from 0 to {highest}")
        return int(text)

    return convert


def _range(text: str) -> str:
    """Two numbers, the lower first, as nvarguscamerasrc takes them: "34000 358733000"."""
    parts = text.replace(",", " ").split()
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 <= low <= high < float("inf"):
        raise ValueError("two numbers, the lower first, as 34000,358733000")
    return " ".join(parts)


def _above_zero(text: str) -> float:
    value = rate(text)
    if not value:
        raise ValueError("a rate above 0 frames per second")
    return value


def _lock(text: str) -> str:
    return "true" if switch(text) else "false"


_SHAPE: dict[str, Converter] = {
    "width": whole(16),
    "height": whole(16),
    "fps": _above_zero,
    "flip": _choice(7),
}
_PROPERTIES: dict[str, Converter] = {
    "sensor-mode": _choice(255),
    "aelock": _lock,
    "awblock": _lock,
    "exposuretimerange": _range,  # nanoseconds
    "gainrange": _range,
    "ispdigitalgainrange": _range,
    "wbmode": _choice(9),
    "saturation": _number(0, 2),
    "tnr-mode": _choice(2),
    "tnr-strength": _number(-1, 1),
    "ee-mode": _choice(2),
    "ee-strength": _number(-1, 1),
    "aeantibanding": _choice(3),
    "exposurecompensation": _number(-2, 2),
}
