"""A camera's profile at work: its settings held, its frames corrected, its light watched."""

from __future__ import annotations

import logging

from calibration.camera.correct import Correction
from calibration.camera.profile import CameraProfile, find_profile
from calibration.camera.settings import CameraSettings
from calibration.camera.watch import LightWatch
from deploy.arrays import ByteArray
from edge_app.sources.base import Source

log = logging.getLogger(__name__)


class TrayLight:
    """The light of one source. Without a profile it leaves everything as it comes."""

    def __init__(self, source: Source) -> None:
        self.camera = source.name  # its identity, once it has been opened
        self._source = source
        self._lit: _Lit | None = None

    @property
    def measured_at(self) -> str:
        """When the profile was measured, as it says itself; empty without one."""
        return self._lit.profile.measured_at if self._lit else ""

    def settings(self) -> CameraSettings | None:
        """What the camera is to hold, by its profile. Call it when the source has been opened:
        who it is may not be known before, and it may have been calibrated since.

        Raises:
            ProfileError: there is a profile, and it cannot be used.
        """
        self.camera = identity(self._source)
        profile = profile_of(self._source)
        if profile is None:
            self._lit = None
            return None
        if self._lit is None or self._lit.profile != profile:
            self._lit = _Lit(profile)
        return profile.settings

    def moved(self, raw_bgr: ByteArray, at_s: float) -> bool:
        """Whether the light has been another one for some seconds.

        Args:
            raw_bgr: (H, W, 3) uint8, BGR, as the camera gave it.
            at_s: when it was taken, in seconds.
        """
        lit = self._lit
        return lit is not None and lit.watch.look(raw_bgr, at_s).drifted

    def correct(self, raw_bgr: ByteArray) -> ByteArray:
        """A new frame in true colours and even light; without a profile the frame itself."""
        lit = self._lit
        return raw_bgr if lit is None else lit.correct(raw_bgr)


class _Lit:
    """A profile with what was made ready from it."""

    def __init__(self, profile: CameraProfile) -> None:
        self.profile = profile
        self.watch = LightWatch(profile)
        self._correction: Correction | None = None
        self._size = (0, 0)

    def correct(self, raw_bgr: ByteArray) -> ByteArray:
        height, width = raw_bgr.shape[:2]
        if self._correction is None or (height, width) != self._size:
            self._size = height, width
            self._warn_of_another_size()
            self._correction = Correction(self.profile, self._size)
        return self._correction.apply(raw_bgr)

    def _warn_of_another_size(self) -> None:
        """At another size many a sensor shows another part of the scene."""
        measured, (height, width) = self.profile, self._size
        if (width, height) != (measured.width, measured.height):
            log.warning(
                "%s gives %d x %d pixels and was calibrated at %d x %d: if it shows more or less "
                "of the tray so, its corners are corrected wrongly; calibrate it at this size",
                *(measured.identity, width, height, measured.width, measured.height),
            )


def identity(source: Source) -> str:
    """What a source's profile is found by: its name where it has nothing better."""
    return str(getattr(source, "identity", source.name))


def profile_of(source: Source) -> CameraProfile | None:
    """The profile of a live source; None for files, and for a camera that has none.

    Raises:
        ProfileError: there is one, and it cannot be used.
    """
    return find_profile(identity(source)) if source.live else None
