"""Confidences over time: steady while one stone lies there, fresh when another one comes."""

from __future__ import annotations

import math

import numpy as np

from deploy.arrays import ByteArray, FloatArray

TIME_CONSTANT_S = 0.3
LOOK_STEP_PX = 16
SCENE_CHANGE = 24.0  # mean change of the sparse look, of 255; camera noise stays under 3


class Smoother:
    """An exponential average whose weight follows the time between frames, not their number."""

    def __init__(self, time_constant_s: float = TIME_CONSTANT_S) -> None:
        self._time_constant_s = time_constant_s
        self._average: FloatArray | None = None
        self._look: ByteArray | None = None
        self._at_s = 0.0

    def reset(self) -> None:
        """Forget what was seen; the next confidences stand alone."""
        self._average = None

    def update(self, confidences: FloatArray, square_rgb: ByteArray, at_s: float) -> FloatArray:
        """Take in one frame.

        Args:
            confidences: (C,) float32, which sum to 1; numbers may follow that are steadied too.
            square_rgb: what the network saw; a great change in it starts the average anew.
            at_s: when the frame was taken, in seconds on any clock.

        Returns:
            As `confidences`, averaged.
        """
        if self._scene_changed(square_rgb) or self._average is None:
            self._average = confidences
        else:
            weight = 1.0 - math.exp(-max(0.0, at_s - self._at_s) / self._time_constant_s)
            self._average = self._average + np.float32(weight) * (confidences - self._average)
        self._at_s = at_s
        return self._average

    def _scene_changed(self, square_rgb: ByteArray) -> bool:
        look = square_rgb[::LOOK_STEP_PX, ::LOOK_STEP_PX].astype(np.int16)
        before, self._look = self._look, look  # type: ignore[assignment]
        if before is None or before.shape != look.shape:
            return True
        return float(np.abs(look - before).mean()) > SCENE_CHANGE
