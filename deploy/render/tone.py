"""From light to the values a camera writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from deploy.arrays import FloatArray


def tone_mapped(radiance: Any, exposure: float = 1.0) -> FloatArray:
    """Linear radiance, any shape, to 0..255 float32 with the curve of sRGB (as 2.2).

    Source: K. Narkowicz, "ACES Filmic Tone Mapping Curve" (2015): it rolls highlights off as a
        camera does, so that a softbox in a facet is white and its surroundings keep their colour.
    """
    x = radiance * exposure
    mapped = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    return np.asarray(np.clip(mapped, 0, 1) ** (1 / 2.2) * 255, np.float32)
