"""The curve between light and the values that a picture holds.

Source: IEC 61966-2-1 (sRGB). Cameras follow it, or a curve close to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def to_linear(encoded: Any) -> Any:
    """Light, 0 to 1, from a picture's values, 0 to 1; any shape, in float."""
    encoded = np.asarray(encoded)
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def to_encoded(linear: Any) -> Any:
    """A picture's values from light; above 1 the curve goes on, below 0 there is none."""
    linear = np.maximum(linear, 0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
