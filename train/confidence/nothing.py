"""What lies under the camera when no stone does, drawn: empty trays of many colours."""

from __future__ import annotations

import numpy as np

from deploy.arrays import ByteArray
from deploy.render.tray import make_tray

# Felt, paper, leather and wood, as B, G, R from dark to light.
GROUNDS_BGR = (
    (18, 18, 18),
    (60, 58, 55),
    (118, 112, 106),
    (170, 170, 170),
    (238, 238, 238),
    (110, 60, 40),
    (45, 90, 45),
    (40, 40, 115),
    (90, 130, 150),
    (150, 175, 200),
)
LIGHTS = (0.8, 1.0, 1.2)
SIZE_PX = 288


def empty_trays(seed: int = 0) -> list[ByteArray]:
    """One tray for each ground and light: (288, 288, 3) uint8, BGR."""
    drawn = make_tray(SIZE_PX, SIZE_PX, np.random.default_rng(seed)).astype(np.float32)
    felt = np.median(drawn, axis=(0, 1))
    trays = [
        drawn * (np.array(ground) / felt) * light for ground in GROUNDS_BGR for light in LIGHTS
    ]
    return [np.clip(tray, 0, 255).astype(np.uint8) for tray in trays]
