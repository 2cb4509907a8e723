"""A camera's profile at work: its frames corrected, its light watched."""

from __future__ import annotations

from calibration.camera.correct import Correction
from calibration.camera.profile import CameraProfile, find_profile
from calibration.camera.watch import LightWatch
from deploy.arrays import ByteArray
from edge_app.sources.base import Adjustable, Source


class TrayLight:
    """One camera in the light that its profile was measured in."""

    def __init__(self, profile: CameraProfile) -> None:
        self._profile = profile
        self._watch = LightWatch(profile)
        self._correction: Correction | None = None
        self._size: tuple[int, ...] = ()

    def moved(self, raw_bgr: ByteArray, at_s: float) -> bool:
        """Whether the light has been another one for some seconds.

        Args:
            raw_bgr: (H, W, 3) uint8, BGR, as the camera gave it.
            at_s: when it was taken, in seconds.
        """
        return self._watch.look(raw_bgr, at_s).drifted

    def correct(self, raw_bgr: ByteArray) -> ByteArray:
        """A new frame in true colours and even light."""
        size = raw_bgr.shape[:2]
        if self._correction is None or size != self._size:
            height, width = self._size = size
            self._correction = Correction(self._profile, (height, width))
        return self._correction.apply(raw_bgr)


def identity(source: Source) -> str:
    """What a source's profile is found by."""
    return source.identity if isinstance(source, Adjustable) else source.name


def profile_of(source: Source) -> CameraProfile | None:
    """The profile of a live source; None for files, and for a camera that has none.

    Raises:
        ProfileError: there is one, and it cannot be used.
    """
    return find_profile(identity(source)) if source.live else None
