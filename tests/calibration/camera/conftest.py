"""Cameras that are simulated, and what is laid under them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from calibration.camera.profile import SCHEMA, CameraProfile
from calibration.camera.settings import CameraSettings
from deploy.arrays import ByteArray
from deploy.render.camera import SimulatedCamera


@pytest.fixture
def profile() -> CameraProfile:
    """A camera that sees too little blue, white at 80 %, the right side darker than the left."""
    left, right = (1.0, 1.0, 1.0), (0.8, 0.8, 0.8)
    return CameraProfile(
        schema=SCHEMA,
        identity="usb 046d:0825 at 1.2",
        measured_at="2026-01-31T12:00:00+00:00",
        settings=CameraSettings(exposure_us=8000.0, white_balance_k=4600.0),
        missing=("the camera does not say its gain",),
        reference="white",
        width=1280,
        height=720,
        area=(0.0, 0.0, 1.0, 1.0),
        white=0.8,
        gains_bgr=(1.6, 1.0, 1.1),
        flat_field=((left, right), (left, right)),
        noise=0.004,
    )


def noisy(image_bgr: ByteArray, seed: int, sigma: float = 1.5) -> ByteArray:
    """The sensor's noise, in levels."""
    return np.clip(image_bgr + _grain(image_bgr.shape, seed, sigma), 0, 255).astype(np.uint8)


@lru_cache(maxsize=32)
def _grain(shape: tuple[int, ...], seed: int, sigma: float) -> np.ndarray:
    return np.rint(np.random.default_rng(seed).normal(0, sigma, shape)).astype(np.int16)


class Trays:
    """Frames for tests, under one name, since test files cannot import each other."""

    noisy = staticmethod(noisy)

    @staticmethod
    def white(size: tuple[int, int] = (180, 320), level: int = 255) -> ByteArray:
        """(height, width, 3) uint8: an even tray, as a perfect camera would write it."""
        return np.full((*size, 3), level, np.uint8)

    @staticmethod
    def frames(camera: SimulatedCamera, scene: ByteArray, count: int = 8) -> list[ByteArray]:
        """What a camera writes of a scene, with its noise."""
        shot = camera.shoot(scene)
        return [noisy(shot, seed) for seed in range(count)]


@pytest.fixture
def trays() -> type[Trays]:
    return Trays
