"""A camera that goes wrong in every way known, one after another, for as long as it runs."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from calibration.camera.settings import CameraSettings
from deploy.arrays import ByteArray
from deploy.errors import CameraError
from edge_app.sources.base import Frame, Locked

SIZE = (360, 640)
GOOD_S, BAD_S = 12.0, 8.0  # long enough for `STEADY_AFTER_S`, and for every state to show


class FaultyCamera:
    """Works for some seconds, then shows a fault for some, and so on: each of them once in every
    round, in an order that changes.

    Args:
        speed: how many times faster than life its clock goes.
        rate: frames per second of its clock while it works well.
    """

    name = "faulty camera"
    identity = "faulty"
    live = True

    def __init__(self, speed: float = 1.0, rate: float = 15.0) -> None:
        self.fps: float | None = rate * speed
        self.faults: Counter[str] = Counter()
        self.opened = self.released = 0
        self._speed, self._rate = speed, rate
        self._began = time.monotonic()
        self._noise = np.random.default_rng(0)
        self._last = self._picture(120)
        self._index = 0
        self._fault_number = -1

    def __enter__(self) -> FaultyCamera:
        if self._fault() in ("gone", "busy"):
            raise CameraError(f"the camera is {self._fault()}")
        self.opened += 1
        self._index = 0
        return self

    def __exit__(self, *_: object) -> None:
        self.released += 1

    def lock(self, wanted: CameraSettings | None) -> Locked:
        """Hold what is asked for."""
        return Locked(wanted or CameraSettings(exposure_us=8000, gain=1))

    def read(self) -> Frame | None:
        """A frame, or whatever the fault of the moment is."""
        fault = self._fault()
        self._wait(1 / {"one a second": 1.0, "240 a second": 240.0}.get(fault, self._rate))
        image = _FAULTS[fault](self) if fault else self._picture(120)
        self._last = image.copy()
        self._index += 1
        return Frame(image, time.monotonic(), self._index)

    def _fault(self) -> str:
        """The fault of this moment; empty while all is well."""
        turn, into_s = divmod((time.monotonic() - self._began) * self._speed, GOOD_S + BAD_S)
        if into_s < GOOD_S:
            return ""
        round_, place = divmod(int(turn), len(_FAULTS))
        fault = random.Random(round_).sample(list(_FAULTS), len(_FAULTS))[place]
        if turn != self._fault_number:
            self._fault_number = int(turn)
            self.faults[fault] += 1
        return fault

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)

    def _picture(self, level: float, size: tuple[int, int] = SIZE) -> ByteArray:
        noise = self._noise.integers(-3, 4, (*size, 3), dtype=np.int16)
        picture: ByteArray = np.clip(noise + np.int16(level), 0, 255).astype(np.uint8)
        return picture

    def _fail(self) -> ByteArray:
        raise CameraError("no frame")

    def _hang(self) -> ByteArray:
        self._wait(2.0)
        raise CameraError("no frame within 2 s")


_FAULTS: dict[str, Callable[[FaultyCamera], ByteArray]] = {
    "gone": FaultyCamera._fail,
    "busy": FaultyCamera._fail,
    "hangs": FaultyCamera._hang,
    "torn": lambda camera: camera._fail() if camera._index % 2 else camera._picture(120),
    "garbage": lambda camera: np.zeros((0, 0, 3), np.uint8),
    "grey": lambda camera: camera._picture(120)[:, :, 0],
    "other size": lambda camera: camera._picture(120, (240, 320)),
    "frozen": lambda camera: camera._last.copy(),  # the overlay draws into what it gets
    "black": lambda camera: camera._picture(2),
    "too dark": lambda camera: camera._picture(30),
    "too bright": lambda camera: camera._picture(290),
    "one a second": lambda camera: camera._picture(120),
    "240 a second": lambda camera: camera._picture(120),
}
