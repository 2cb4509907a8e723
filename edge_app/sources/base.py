"""The face that every source of frames shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from calibration.camera.settings import CameraSettings
from deploy.arrays import ByteArray


@dataclass(frozen=True)
class Frame:
    """One picture from a source.

    image_bgr: (H, W, 3) uint8, BGR.
    captured_at: `time.monotonic()` when it arrived, in seconds.
    index: 0 for the source's first frame; gaps are frames that were dropped.
    coded: it came as what has changed since the one before (H.264 and its like), so that of a
        still scene the same picture comes again and again.
    """

    image_bgr: ByteArray
    captured_at: float
    index: int
    coded: bool = False


class Source(Protocol):
    """Delivers frames one after another. Used as a context manager, which opens and releases it.

    It can be entered again after it was left: a lost camera is opened anew with the same object.
    """

    @property
    def name(self) -> str:
        """What it is, for the screen and the log: "video stones.mp4"."""

    @property
    def live(self) -> bool:
        """Frames come at their own pace and are lost when not taken (a camera)."""

    @property
    def fps(self) -> float | None:
        """The source's own rate in frames per second, where it states one."""

    def read(self) -> Frame | None:
        """The next frame, or None when the source has ended. Every wait has an end.

        Raises:
            CameraError: no frame came in time, or the source broke off.
        """

    def __enter__(self) -> Source: ...

    def __exit__(self, *_: object) -> None: ...


@runtime_checkable
class Drawn(Protocol):
    """A source whose pictures are made up: it has no camera, so nothing that could be held."""

    @property
    def seed(self) -> int:
        """The same seed gives the same pictures."""


@dataclass(frozen=True)
class Locked:
    """What a camera holds still, as it says itself after it was asked to.

    settings: read back from the camera, not what it was told.
    missing: what it cannot hold still and why, each a plain sentence for the installer.
    """

    settings: CameraSettings
    missing: tuple[str, ...] = ()


@runtime_checkable
class Adjustable(Protocol):
    """A source whose camera has an exposure, a gain and a white balance of its own."""

    @property
    def identity(self) -> str:
        """This very camera, the same after a restart: its profile is found by it."""

    def lock(self, wanted: CameraSettings | None) -> Locked:
        """Turn the automatics off: hold `wanted`, or with None what they have chosen by now.

        Call it between two reads, in the thread that reads. It may cost some frames.

        Raises:
            CameraError: the camera is gone.
        """
