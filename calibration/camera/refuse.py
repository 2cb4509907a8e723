"""What is no empty tray in an even, steady light, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from calibration.camera.area import pixels
from calibration.camera.flicker import MOST_FLICKER, flicker, standing_bands
from calibration.camera.surface import Surface
from deploy.arrays import ByteArray, FloatArray
from deploy.errors import GemscanError
from deploy.render.camera import light_bgr
from deploy.srgb import to_linear

_DARKEST = 0.12  # of 255: below, eight bits are too coarse to measure
_CLIPPED_FROM = 254
_MOST_CLIPPED = 0.005  # of the pixels
_UNEVEN = 0.04  # of the tray's level: a cell that differs more is no tray
_LARGEST_SPECK = 5  # cells: dust is smaller, a stone is larger
_GRAIN = 0.04  # how much the cells of a felt or a paper may vary
_MOST_COLOURED = 0.35  # in natural logarithms of linear red and blue against green
_COLDEST_K, _WARMEST_K = 10000.0, 2000.0


class TrayError(GemscanError):
    """What the camera shows is not an empty, evenly lit tray, or cannot be measured."""


def refuse_unfit(
    frames: Sequence[ByteArray], cells: FloatArray, area: tuple[float, ...], surface: Surface
) -> None:
    """Refuse what would make a wrong profile.

    Args:
        frames: (H, W, 3) uint8, BGR.
        cells: (frames, rows, columns, 3) their mean levels, of 255.
        area: where the tray is.
        surface: what was laid through it there.

    Raises:
        TrayError: it is clipped, flickers, something lies on it, or it is coloured.
    """
    _refuse_flicker(standing_bands(surface.apart))
    _refuse_uneven(surface)
    _refuse_clipped(frames, area)
    _refuse_flicker(flicker(cells))
    _refuse_colour(to_linear(surface.brightest() / 255))


def refuse_dark(surface: Surface) -> None:
    """Raise a TrayError where even the brightest place is too dark to measure."""
    level = float(surface.brightest().max()) / 255
    if level < _DARKEST:
        raise TrayError(
            f"the tray is too dark to measure: its brightest channel lies at {level:.0%} of white. "
            "Turn the light on, or up."
        )


def _refuse_clipped(frames: Sequence[ByteArray], area: tuple[float, ...]) -> None:
    clipped = float((pixels(frames[0], area).max(axis=2) >= _CLIPPED_FROM).mean())
    if clipped > _MOST_CLIPPED:
        raise TrayError(
            f"the tray is too bright to measure: {clipped:.0%} of it is at the end of the scale. "
            "Turn the light down, or the camera's exposure."
        )


def _refuse_flicker(bands: float) -> None:
    if bands <= MOST_FLICKER:
        return
    raise TrayError(
        f"the light changes by {bands:.0%} between frames or lines: it flickers with the mains, or "
        "was turned on a moment ago. Use a lamp that does not flicker, or an exposure that is a "
        "multiple of 10 ms (50 Hz) or 8.33 ms (60 Hz)."
    )


def _refuse_uneven(surface: Surface) -> None:
    problem = evenness_problem(surface)
    if problem is not None:
        raise TrayError(f"the tray is not even: {problem}")


def evenness_problem(surface: Surface) -> str | None:
    """Why a surface is no empty tray, or None where it may be one."""
    if surface.grain > _GRAIN:
        return (
            f"its brightness varies by {surface.grain:.0%} from place to place. Take stone, hand "
            "and tweezers away, and let the empty tray or the card fill the middle of the picture."
        )
    spot = surface.largest_spot(max(_UNEVEN, 4 * surface.grain))
    if spot > _LARGEST_SPECK:
        part = spot / surface.apart[..., 0].size
        return (
            f"something covers {part:.1%} of it. Take stone, hand and tweezers away, or "
            "move the lamp if that is the edge of a shadow."
        )
    return None


def _refuse_colour(light_of_tray: Any) -> None:
    blue, red = np.log(light_of_tray[[0, 2]] / light_of_tray[1])
    steps = np.linspace(1e6 / _COLDEST_K, 1e6 / _WARMEST_K, 40)
    lights = np.array([light_bgr(float(1e6 / mired)) for mired in steps])
    lights = np.log(np.maximum(lights, 1e-3))
    apart = np.hypot(lights[:, 0] - lights[:, 1] - blue, lights[:, 2] - lights[:, 1] - red).min()
    if apart > _MOST_COLOURED:
        raise TrayError(
            "the tray is coloured: no light from 2,000 to 10,000 K makes a white tray look like "
            "this. Lay white paper or a grey card on it and run the command again."
        )
