"""A camera in the hands of who calibrates it: settled, locked, exposed, and asked for frames."""

from __future__ import annotations

import dataclasses
import time

from calibration.camera.correct import Correction
from calibration.camera.expose import Exposed, set_exposure, steady_exposures
from calibration.camera.flicker import flickers
from calibration.camera.measure import measure, white_level
from calibration.camera.profile import CameraProfile, Measured
from calibration.camera.refuse import TrayError
from calibration.camera.settings import CameraSettings
from deploy.arrays import ByteArray
from deploy.errors import CameraError
from edge_app.feed.hold import SETTLE_S
from edge_app.live.tray_light import identity
from edge_app.sources.base import Adjustable, Locked, Source

MEASURED_FROM = 16  # frames
_LATE = 4  # frames that a camera may have taken before it obeyed
_MOST_MISSED = 5  # in a row
_FIRST_US, _FIRST_GAIN = 10_000.0, 1.0  # of a camera that does not say what it has chosen
NOT_HELD = "its exposure, gain and white balance cannot be held"


class TrayCamera:
    """An opened source, before an empty tray or a grey card."""

    def __init__(self, source: Source, reference: str) -> None:
        """Hold nothing yet."""
        self.name, self.live = source.name, source.live
        self.locked = Locked(CameraSettings(), (NOT_HELD,))
        self._source = source
        self._camera = source if isinstance(source, Adjustable) else None
        self._reference = reference

    @property
    def identity(self) -> str:
        """What its profile is found by; a file's is its name."""
        return identity(self._source)

    def settle(self) -> None:
        """Let the camera's automatics find their way, then turn them off."""
        until_s = time.monotonic() + SETTLE_S
        while self._source.live and time.monotonic() < until_s:
            self._read()
        if self._camera is not None:
            self.locked = self._camera.lock(None)

    def expose(self) -> Exposed | None:
        """Set the exposure so that white lies between 80 and 90 %. None: it cannot be set."""
        if self._camera is None:
            return None
        start_us = self.locked.settings.exposure_us or self._begin(self._camera)
        if not start_us:
            return None
        exposed = set_exposure(self._level, self._hold, start_us)
        if flickers(self.frames(MEASURED_FROM)):
            exposed = self._steadied(exposed)
        return exposed

    def frames(self, count: int) -> list[ByteArray]:
        """The next frames, taken with what is held now; a file may have fewer."""
        if self._source.live:
            for _ in range(_LATE):
                self._read()
        frames: list[ByteArray] = []
        while len(frames) < count and (frame := self._read()) is not None:
            frames.append(frame)
        return frames

    def refuse_frozen(self, frames: list[ByteArray]) -> None:
        """Raise a TrayError where a camera gives the same bytes again and again: it is no picture
        of now. Files may."""
        if self.live and len(frames) > 1 and all((frames[0] == f).all() for f in frames[1:]):
            raise TrayError(
                "the camera repeats one picture, without any noise. Unplug it and plug it in."
            )

    def checked(self, profile: CameraProfile, frames: list[ByteArray]) -> Measured:
        """Measure frames again, after the profile has corrected them."""
        correction = Correction(profile, frames[0].shape[:2])
        corrected = [correction.apply(frame) for frame in frames]
        return measure(corrected, reference=self._reference, force=True)

    def _steadied(self, exposed: Exposed) -> Exposed:
        """At the multiple of the mains' half period, if one is near, at which nothing flickers."""
        for exposure_us in steady_exposures(exposed):
            held_us = self._hold(exposure_us)
            frames = self.frames(MEASURED_FROM)
            if held_us is not None and not flickers(frames):
                return Exposed(held_us, white_level(frames[0], self._reference))
        self._hold(exposed.exposure_us)
        return exposed

    def _level(self) -> float:
        frames = self.frames(1)
        if not frames:
            raise CameraError(f"{self.name} ended while it was being measured")
        return white_level(frames[0], self._reference)

    def _begin(self, camera: Adjustable) -> float | None:
        """A Jetson tells no exposure and no gain before it was given both. None: nor then."""
        told = self.locked.settings
        gain = _FIRST_GAIN if told.gain is None else told.gain
        self.locked = camera.lock(dataclasses.replace(told, exposure_us=_FIRST_US, gain=gain))
        return self.locked.settings.exposure_us

    def _hold(self, exposure_us: float) -> float | None:
        assert self._camera is not None
        wanted = dataclasses.replace(self.locked.settings, exposure_us=exposure_us)
        self.locked = self._camera.lock(wanted)
        return self.locked.settings.exposure_us

    def _read(self) -> ByteArray | None:
        """One frame. One that is missed, or two, are no reason to stop."""
        for _ in range(_MOST_MISSED):
            try:
                frame = self._source.read()
            except CameraError as exc:
                missed = exc
            else:
                return None if frame is None else frame.image_bgr
        raise missed
