"""A /dev/video file asked through the kernel itself: what it is, what it offers, its controls.

OpenCV tells none of this. A second descriptor beside OpenCV's is what Video4Linux is made for.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from ctypes import Structure
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edge_app.v4l2 import abi

_S = TypeVar("_S", bound=Structure)

MOST = 256  # a driver that never says "no more" must not keep us for ever


@dataclass(frozen=True)
class Names:
    """What a device calls itself.

    captures: it gives pictures; a webcam's second node, for metadata, does not.
    """

    driver: str
    card: str
    bus: str
    captures: bool


@dataclass(frozen=True)
class Size:
    """A picture size in pixels. Where a range is offered, this is its largest."""

    width: int
    height: int
    is_range: bool = False


@dataclass(frozen=True)
class Control:
    """A setting of a camera, in the driver's own steps."""

    name: str
    minimum: int
    maximum: int
    step: int
    read_only: bool


class V4l2Device:
    """Used as a context manager. Every call may raise OSError, also ENODEV: it was unplugged.

    names: what it calls itself, once it is entered.
    """

    names: Names

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._planes = abi.VIDEO_CAPTURE

    def __enter__(self) -> V4l2Device:
        self._file = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
        try:
            self.names = self._names()
        except OSError:
            os.close(self._file)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def formats(self) -> list[str]:
        """The pixel formats by their four letters: MJPG, YUYV."""
        asked = (abi.FormatDescription(index=i, type=self._planes) for i in range(MOST))
        return [_letters(one.pixelformat) for one in self._each(abi.VIDIOC_ENUM_FMT, asked)]

    def sizes(self, letters: str) -> list[Size]:
        """The picture sizes of a format."""
        asked = (abi.FrameSize(index=i, pixel_format=fourcc(letters)) for i in range(MOST))
        found = []
        for one in self._each(abi.VIDIOC_ENUM_FRAMESIZES, asked):
            if one.type != abi.DISCRETE:  # a range comes alone
                return [Size(one.stepwise.max_width, one.stepwise.max_height, is_range=True)]
            found.append(Size(one.discrete.width, one.discrete.height))
        return found

    def rates(self, letters: str, size: Size) -> list[float]:
        """The frame rates of a format at a size, in frames per second; of a range, the highest."""
        code, width, height = fourcc(letters), size.width, size.height
        asked = (
            abi.FrameInterval(index=i, pixel_format=code, width=width, height=height)
            for i in range(MOST)
        )
        found = []
        for one in self._each(abi.VIDIOC_ENUM_FRAMEINTERVALS, asked):
            time = one.discrete if one.type == abi.DISCRETE else one.stepwise.shortest
            if time.numerator:
                found.append(time.denominator / time.numerator)
            if one.type != abi.DISCRETE:
                break
        return found

    def control(self, number: int) -> Control | None:
        """A control, or None where this camera has none of that number."""
        try:
            said = self._ask(abi.VIDIOC_QUERYCTRL, abi.ControlDescription(id=number))
        except OSError as exc:
            if exc.errno in (errno.EINVAL, errno.ENOTTY):
                return None
            raise
        if said.flags & abi.DISABLED:
            return None
        read_only = bool(said.flags & abi.READ_ONLY)
        return Control(_text(said.name), said.minimum, said.maximum, said.step, read_only)

    def get(self, number: int) -> int:
        """A control's value, as the driver tells it."""
        said = self._ask(abi.VIDIOC_G_CTRL, abi.ControlValue(id=number))
        return int(said.value)

    def set(self, number: int, value: int) -> None:
        """Set a control. That it is taken is to be read back."""
        self._ask(abi.VIDIOC_S_CTRL, abi.ControlValue(id=number, value=value))

    def is_busy(self) -> bool:
        """Another program takes pictures from it. Nothing changes by asking.

        A request for no buffers at all is refused with EBUSY exactly then, and else frees those
        of this descriptor, which has none. Source: the kernel's vb2_ioctl_reqbufs.
        """
        asked = abi.BufferRequest(count=0, type=self._planes, memory=abi.MEMORY_MMAP)
        try:
            self._ask(abi.VIDIOC_REQBUFS, asked)
        except OSError as exc:
            return exc.errno == errno.EBUSY
        return False

    def _names(self) -> Names:
        """`capabilities` are the whole camera's, `device_caps` the node's."""
        said = self._ask(abi.VIDIOC_QUERYCAP, abi.Capability())
        own = bool(said.capabilities & abi.HAS_DEVICE_CAPS)
        able = said.device_caps if own else said.capabilities
        if able & abi.CAN_CAPTURE_MPLANE:
            self._planes = abi.VIDEO_CAPTURE_MPLANE
        captures = bool(able & (abi.CAN_CAPTURE | abi.CAN_CAPTURE_MPLANE))
        return Names(_text(said.driver), _text(said.card), _text(said.bus_info), captures)

    def _each(self, request: int, asked: Iterator[_S]) -> Iterator[_S]:
        """Ask with index 0, 1, 2, ... until there are no more."""
        for one in asked:
            try:
                yield self._ask(request, one)
            except OSError as exc:
                if exc.errno in (errno.EINVAL, errno.ENOTTY):
                    return
                raise

    def _ask(self, request: int, structure: _S) -> _S:
        fcntl.ioctl(self._file, request, structure)
        return structure


def video_devices(folder: Path = Path("/dev")) -> list[Path]:
    """The /dev/video* that exist, in order of their numbers."""
    found = [path for path in folder.glob("video*") if re.fullmatch(r"video\d+", path.name)]
    return sorted(found, key=lambda path: int(path.name[5:]))


def fourcc(letters: str) -> int:
    """A pixel format's number."""
    return sum(ord(letter) << (8 * place) for place, letter in enumerate(letters))


def _letters(number: int) -> str:
    """The highest bit marks a big-endian form; it is no letter."""
    return "".join(chr(number >> (8 * place) & 0x7F) for place in range(4))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip()
