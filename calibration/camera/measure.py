"""What frames of the empty tray say: how bright white is, its colour, and how evenly it is lit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import cv2
import numpy as np

from calibration.camera.flicker import MOST_FLICKER, flicker, standing_bands
from calibration.camera.profile import SCHEMA, CameraProfile, Grid
from calibration.camera.settings import CameraSettings
from calibration.camera.surface import Surface, fit_surface
from deploy.arrays import ByteArray, FloatArray
from deploy.errors import GemscanError
from deploy.render.camera import light_bgr
from deploy.srgb import to_encoded, to_linear

GREY_CARD = 0.18  # the reflectance of a photographer's grey card
CELLS = (36, 64)  # down and across: what the frames are averaged to
POINTS = (13, 17)  # of the flat field, down and across
WHOLE = (0.0, 0.0, 1.0, 1.0)
_INSET = 0.08  # of the central square's side, where a tray does not fill the frame
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


@dataclass(frozen=True)
class Measured:
    """The tray in one light. `CameraProfile` says what each is."""

    reference: str
    width: int
    height: int
    area: tuple[float, ...]
    white: float
    gains_bgr: tuple[float, ...]
    flat_field: Grid
    noise: float

    @property
    def falloff(self) -> float:
        """The part of the values that is missing in the darkest place."""
        return 1 - min(min(point) for row in self.flat_field for point in row)

    def profile(
        self, identity: str, settings: CameraSettings, missing: Sequence[str]
    ) -> CameraProfile:
        """The profile of the camera that this was measured with, as of now."""
        return CameraProfile(
            schema=SCHEMA,
            identity=identity,
            measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            settings=settings,
            missing=tuple(missing),
            **vars(self),
        )


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
    _refuse_dark(surface)
    shown = surface.at(*POINTS) / 255
    if not force:
        _refuse_clipped(frames, area)
        _refuse_flicker(standing_bands(surface.apart))
        _refuse_uneven(surface)
        _refuse_flicker(flicker(cells))
        _refuse_colour(to_linear(shown.max(axis=(0, 1))))
    whites = white_from(shown, reference)
    white = whites.max(axis=(0, 1))  # (blue, green, red)
    height, width = frames[0].shape[:2]
    return Measured(
        reference=reference,
        width=width,
        height=height,
        area=area,
        white=_rounded(white.max()),
        gains_bgr=tuple(_rounded(gain) for gain in white.max() / white),
        flat_field=_grid(whites / white),
        noise=_rounded(_noise(frames, area)),
    )


def white_level(frame: ByteArray, reference: str = "white") -> float:
    """Where white lies in one frame, for setting the exposure: its brightest channel, 0 to 1.

    Inferred from a grey card it may be above 1.
    """
    cells = _cut(_averaged(frame), _central(*frame.shape[:2])).reshape(-1, 3)
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
    if _evenness_problem(whole) is None:
        return WHOLE, whole
    middle = _central(*shape[:2])
    inner = fit_surface(_cut(cells, middle))
    if _evenness_problem(inner) is None or inner.grain < whole.grain:
        return middle, inner
    return WHOLE, whole


def _central(height: int, width: int) -> tuple[float, ...]:
    """The central square without its rim, from border to border of cells."""
    side = min(height, width) * (0.5 - _INSET)
    left = round((0.5 - side / width) * CELLS[1]) / CELLS[1]
    top = round((0.5 - side / height) * CELLS[0]) / CELLS[0]
    return (left, top, 1 - left, 1 - top)


def _cut(cells: FloatArray, area: tuple[float, ...]) -> FloatArray:
    left, top, right, bottom = area
    rows, columns = CELLS
    return cells[
        round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)
    ]


def _pixels(frame: ByteArray, area: tuple[float, ...]) -> ByteArray:
    left, top, right, bottom = area
    height, width = frame.shape[:2]
    return frame[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]


def _refuse_dark(surface: Surface) -> None:
    level = float(surface.at(*POINTS).max()) / 255
    if level < _DARKEST:
        raise TrayError(
            f"the tray is too dark to measure: its brightest channel lies at {level:.0%} of white. "
            "Turn the light on, or up."
        )


def _refuse_clipped(frames: Sequence[ByteArray], area: tuple[float, ...]) -> None:
    clipped = float((_pixels(frames[0], area).max(axis=2) >= _CLIPPED_FROM).mean())
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
    problem = _evenness_problem(surface)
    if problem is not None:
        raise TrayError(f"the tray is not even: {problem}")


def _evenness_problem(surface: Surface) -> str | None:
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


def _grid(field: Any) -> Grid:
    return tuple(tuple(tuple(_rounded(v) for v in point) for point in row) for row in field)


def _rounded(value: Any) -> float:
    return round(float(value), 4)


def _noise(frames: Sequence[ByteArray], area: tuple[float, ...]) -> float:
    """The standard deviation of a pixel over the frames, as a part of 255: the usual pixel's."""
    looked_at = np.stack([_pixels(frame, area)[::8, ::8] for frame in frames])
    return float(looked_at.astype(np.float32).std(axis=0).mean()) / 255
