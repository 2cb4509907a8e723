"""What frames of the empty tray say: how bright white is, its colour, and how evenly it is lit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from calibration.camera.area import CELLS, WHOLE, central, cut, pixels
from calibration.camera.profile import Grid, Measured
from calibration.camera.refuse import TrayError, evenness_problem, refuse_dark, refuse_unfit
from calibration.camera.surface import Surface, fit_surface
from deploy.arrays import ByteArray, FloatArray
from deploy.srgb import to_encoded, to_linear

GREY_CARD = 0.18  # the reflectance of a photographer's grey card
_MOST_GAIN, _LEAST_FIELD = 20.0, 0.05  # beyond, a channel is noise: forced, or in no light


def measure(
    frames: Sequence[ByteArray], *, reference: str = "white", force: bool = False
) -> Measured:
    """Measure the empty white tray, or a grey card on it.

    Args:
        frames: (H, W, 3) uint8, BGR, all of one size, taken one after another with the camera
            held still; eight or more.
        reference: "white": the tray is what white is. "grey": a card of 18 % reflectance.
        force: measure also what is clipped, uneven, coloured, or flickers.

    Raises:
        TrayError: there is no frame, or they differ in size; the tray is too dark or clipped,
            something lies on it, or it is coloured; the light flickers. It says what to do.
    """
    if not frames:
        raise TrayError("there is no frame to measure. Check that the camera gives a picture.")
    if len({frame.shape for frame in frames}) > 1:
        raise TrayError("the frames differ in size. Give frames of one camera, of one size.")
    cells = np.stack([_averaged(frame) for frame in frames])
    area, surface = _tray(cells.mean(axis=0), frames[0].shape)
    refuse_dark(surface)
    if not force:
        refuse_unfit(frames, cells, area, surface)
    whites = white_from(surface.points() / 255, reference)
    white = whites.max(axis=(0, 1))  # (blue, green, red)
    height, width = frames[0].shape[:2]
    return Measured(
        reference=reference,
        width=width,
        height=height,
        area=area,
        white=_rounded(white.max()),
        gains_bgr=tuple(_rounded(min(gain, _MOST_GAIN)) for gain in white.max() / white),
        flat_field=_grid(np.maximum(whites / white, _LEAST_FIELD)),
        noise=_rounded(_noise(frames, area)),
    )


def white_level(frame: ByteArray, reference: str = "white") -> float:
    """Where white lies in one frame, for setting the exposure: its brightest channel, 0 to 1.

    Inferred from a grey card it may be above 1.
    """
    cells = cut(_averaged(frame), central(*frame.shape[:2])).reshape(-1, 3)
    level = float(np.percentile(cells, 95, axis=0).max()) / 255
    return float(white_from(level, reference))


def white_from(level: Any, reference: str) -> Any:
    """Where white lies when the reference lies at `level`, both as a part of 255; any shape."""
    return level if reference == "white" else to_encoded(to_linear(level) / GREY_CARD)


def _averaged(frame: ByteArray) -> Any:
    """(36, 64, 3) float32: the mean of each cell of a frame."""
    size = CELLS[::-1]
    return cv2.resize(frame.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def _tray(cells: FloatArray, shape: tuple[int, ...]) -> tuple[tuple[float, ...], Surface]:
    """The whole frame where the tray fills it, else the square in its middle."""
    whole = fit_surface(cells)
    if evenness_problem(whole) is None:
        return WHOLE, whole
    middle = central(*shape[:2])
    inner = fit_surface(cut(cells, middle))
    if evenness_problem(inner) is None or inner.grain < whole.grain:
        return middle, inner
    return WHOLE, whole


def _grid(field: Any) -> Grid:
    return tuple(tuple(tuple(_rounded(v) for v in point) for point in row) for row in field)


def _rounded(value: Any) -> float:
    return round(float(value), 4)


def _noise(frames: Sequence[ByteArray], area: tuple[float, ...]) -> float:
    """The standard deviation of a pixel over the frames, as a part of 255: the usual pixel's."""
    looked_at = np.stack([pixels(frame, area)[::8, ::8] for frame in frames])
    return float(looked_at.astype(np.float32).std(axis=0).mean()) / 255
