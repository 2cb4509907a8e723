"""A simulated camera before the demo's counter-top: one that has to be calibrated."""

from __future__ import annotations

import dataclasses
import math

from calibration.camera.settings import CameraSettings
from deploy.render.camera import REFERENCE_K, SimulatedCamera
from edge_app.sources.base import Frame, Locked, Source
from edge_app.sources.options import Converter

SHORTEST_US, NORMAL_US, LONGEST_US = 100.0, 10_000.0, 33_000.0
_MISSING = "the demo's camera has no gain and no white balance that could be held"


def _between(low: float, high: float) -> Converter:
    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return convert


OPTIONS = {"cast": _between(1700, 20000), "stops": _between(-4, 4), "vignette": _between(0, 0.95)}


class DemoCamera:
    """Another source as a camera in some light writes it. Its exposure can be set."""

    def __init__(
        self, scene: Source, *, cast: float = REFERENCE_K, stops: float = 0.0, vignette: float = 0.0
    ) -> None:
        """Stand before a scene; `SimulatedCamera` says what the numbers are.

        Args:
            stops: at an exposure of 10 ms, with which it starts.
        """
        self._scene = scene
        self._normal = SimulatedCamera(cast, stops, vignette)
        self._exposure_us = NORMAL_US
        self.identity = f"demo camera, {cast:g} K, {stops:+g} stops, vignette {vignette:g}"
        self.name = self.identity

    @property
    def live(self) -> bool:
        """As the scene."""
        return self._scene.live

    @property
    def fps(self) -> float | None:
        """As the scene."""
        return self._scene.fps

    def lock(self, wanted: CameraSettings | None) -> Locked:
        """Hold an exposure from 0.1 to 33 ms."""
        if wanted is not None and wanted.exposure_us is not None:
            self._exposure_us = min(max(wanted.exposure_us, SHORTEST_US), LONGEST_US)
        return Locked(CameraSettings(exposure_us=self._exposure_us), (_MISSING,))

    def read(self) -> Frame | None:
        """The scene's next frame, as this camera writes it."""
        frame = self._scene.read()
        if frame is None:
            return None
        camera = self._normal.exposed(self._normal.stops + math.log2(self._exposure_us / NORMAL_US))
        return dataclasses.replace(frame, image_bgr=camera.shoot(frame.image_bgr))

    def __enter__(self) -> DemoCamera:
        self._scene.__enter__()
        self._exposure_us = NORMAL_US
        return self

    def __exit__(self, *exc: object) -> None:
        self._scene.__exit__(*exc)
