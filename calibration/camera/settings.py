"""What a camera holds still while stones are scanned."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class CameraSettings:
    """Exposure, gain and white balance of one camera. None: unknown there, or left as it is.

    exposure_us: how long the sensor collects light, in microseconds.
    gain: of the sensor, as the camera counts it: a factor (picamera2, Jetson), or a driver's own
        steps (Video4Linux).
    red_gain, blue_gain: of white balance, factors on top of green's 1 (picamera2).
    white_balance_k: of white balance, the colour temperature in kelvin (Video4Linux).
    """

    exposure_us: float | None = None
    gain: float | None = None
    red_gain: float | None = None
    blue_gain: float | None = None
    white_balance_k: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{field.name} must be a number from 0 on, not {value}")
