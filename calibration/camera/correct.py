"""The correction of a frame: white balance, flat field and level in one multiplication.

It works on the values that the camera writes, not on light. Cameras write about the power 1/2.2
of the light, and a power of a product is the product of the powers: what is g times too dark in
light is g**(1/2.2) times too dark in the picture, at every level alike. So a factor that was
measured on white as the camera wrote it is right for every colour, and which power it is need not
be known.

What that leaves: sRGB is a power law with a straight foot, so dark values come out up to a few
levels too low (tests/calibration/camera/test_correct.py holds how many); what was clipped stays
clipped; and values that are drawn apart leave gaps between the levels.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from calibration.camera.profile import CameraProfile
from deploy.arrays import ByteArray, FloatArray
from deploy.errors import FrameError

WHITE_AT = 1.0  # where white goes, as a part of 255


class Correction:
    """One camera's profile, made ready for frames of one size."""

    def __init__(self, profile: CameraProfile, size: tuple[int, int]) -> None:
        """Lay the profile out over frames of (height, width) pixels, of whatever size it is."""
        height, width = size
        factors = correction_factors(profile, size)
        self._most = float(factors.max())
        # Bytes times bytes: float factors cost twice the time and gain one level of 255.
        bytes_ = np.rint(factors * (255 / self._most)).astype(np.uint8)
        self._shape = (height, width, 3)
        self._factors = bytes_.reshape(height, width * 3)

    def apply(self, image_bgr: ByteArray, out: ByteArray | None = None) -> ByteArray:
        """The frame as a camera with true colours in even light would have written it.

        Args:
            image_bgr: (H, W, 3) uint8, BGR, C-contiguous, of the size it was made for.
            out: where to write; the frame itself for who owns it. None: a new array, which
                shares no memory with the frame or with an earlier result.

        Raises:
            FrameError: another size or type.
        """
        if image_bgr.shape != self._shape or image_bgr.dtype != np.uint8:
            height, width, _ = self._shape
            wanted = f"({height}, {width}, 3) uint8"
            raise FrameError(f"a frame must be {wanted}, not {image_bgr.shape} {image_bgr.dtype}")
        if out is None:
            out = np.empty_like(image_bgr)
        flat = self._factors.shape  # one channel: OpenCV takes rows of plain bytes fastest
        cv2.multiply(
            image_bgr.reshape(flat), self._factors, dst=out.reshape(flat), scale=self._most / 255
        )
        return out


def correction_factors(profile: CameraProfile, size: tuple[int, int]) -> FloatArray:
    """(height, width, 3) float32: what each value of a frame is multiplied by."""
    field = laid_out(profile, size)
    gains = np.array(profile.gains_bgr, np.float32) * np.float32(WHITE_AT / profile.white)
    return np.asarray(gains / field, np.float32)


def laid_out(profile: CameraProfile, size: tuple[int, int]) -> FloatArray:
    """(height, width, 3) float32: the flat field; beyond the measured area its border goes on."""
    left, top, right, bottom = profile.area
    grid = np.array(profile.flat_field, np.float32)
    down = _weights(size[0], top, bottom, len(grid))
    across = _weights(size[1], left, right, grid.shape[1])
    rows = np.tensordot(down, grid, axes=(1, 0))  # (height, columns, 3)
    return np.asarray(across @ rows, np.float32)


def _weights(length: int, start: float, end: float, points: int) -> Any:
    """(length, points) float32: how much each point of a line counts at each pixel of it."""
    pixel = (np.arange(length) + 0.5) / length
    place = np.clip((pixel - start) / (end - start), 0, 1) * (points - 1)
    near = 1 - np.abs(place[:, None] - np.arange(points)[None, :])
    return np.maximum(near, 0).astype(np.float32)
