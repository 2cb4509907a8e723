"""The correction of a frame: white balance, flat field and level in one multiplication.

It works on the values that the camera writes, not on light. Cameras write about the power 1/2.2
of the light, and a power of a product is the product of the powers: what is g times too dark in
light is g**(1/2.2) times too dark in the picture, at every level alike. So a factor that was
measured on white as the camera wrote it is right for every colour, and which power it is need not
be known.

sRGB is not quite a power: it is one of values that were moved by 0.055, with a straight foot. Up
to factors of about 1.6 that costs a few levels in the dark, and photographs do not mind. Beyond
(a camera without a white balance of its own, under a warm lamp) it makes dark colours too yellow,
which costs answers. There `k * (v + min(v, c))` is written instead of
`k * v`, with k the factor of the moved values and c = 14 * (k - 1) / k: right from v = c on, and
with a straight foot below, so that black stays black. What was clipped stays clipped either way.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from calibration.camera.profile import CameraProfile
from deploy.arrays import ByteArray, FloatArray
from deploy.errors import FrameError

# Where white goes, as a part of 255. Of 0.85 to 1, what costs photographs least: docs/light.md.
WHITE_AT = 0.95
_PLAIN_UP_TO = 1.6
_FOOT = 0.055  # IEC 61966-2-1
_STRIP = 48  # rows that stay in the processor's cache from one step to the next


class Correction:
    """One camera's profile, made ready for frames of one size. For one thread at a time."""

    def __init__(self, profile: CameraProfile, size: tuple[int, int]) -> None:
        """Lay the profile out over frames of (height, width) pixels, of whatever size it is."""
        height, width = size
        self._shape, self._rows = (height, width, 3), (height, width * 3)
        level = written_white(profile, size)
        self._lift: ByteArray | None = None
        if (WHITE_AT / profile.white) * max(profile.gains_bgr) > _PLAIN_UP_TO:
            factors = (WHITE_AT + _FOOT) / (level + _FOOT)
            lift = np.maximum(255 * _FOOT * (1 - 1 / factors), 0)
            self._lift = np.rint(lift).astype(np.uint8).reshape(self._rows)
            self._lifted = np.empty((_STRIP, width * 3), np.uint8)
        else:
            factors = WHITE_AT / level
        # Bytes times bytes: float factors cost twice the time and gain one level of 255.
        self._scale = float(factors.max()) / 255
        self._factors = np.rint(factors / self._scale).astype(np.uint8).reshape(self._rows)

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
        # One channel: OpenCV takes rows of plain bytes fastest.
        self._write(image_bgr.reshape(self._rows), out.reshape(self._rows))
        return out

    def _write(self, values: Any, out: Any) -> None:
        if self._lift is None:
            cv2.multiply(values, self._factors, dst=out, scale=self._scale)
            return
        for top in range(0, len(values), _STRIP):
            strip = np.s_[top : top + _STRIP]
            lifted = self._lifted[: len(values[strip])]
            cv2.min(values[strip], self._lift[strip], dst=lifted)
            cv2.add(values[strip], lifted, dst=lifted)
            cv2.multiply(lifted, self._factors[strip], dst=out[strip], scale=self._scale)


def written_white(profile: CameraProfile, size: tuple[int, int]) -> FloatArray:
    """(height, width, 3) float32: what the camera writes of white in each place, of 255."""
    white = np.float32(profile.white) / np.array(profile.gains_bgr, np.float32)
    return np.asarray(laid_out(profile, size) * white, np.float32)


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
