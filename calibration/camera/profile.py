"""What was measured of one camera in its light, and the file that keeps it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from calibration.camera.settings import CameraSettings
from deploy.errors import GemscanError, SettingsError
from deploy.files import reading_errors, write_json
from deploy.home import need_home
from deploy.settings import from_mapping

SCHEMA = 1
REFERENCES = ("white", "grey")

Grid = tuple[tuple[tuple[float, ...], ...], ...]


class ProfileError(GemscanError):
    """A camera's profile is damaged, of another make, or of another camera."""


@dataclass(frozen=True)
class Measured:
    """The tray in one light. Levels are the camera's own values, as a part of 255.

    reference: what was in view: the tray itself, "white", or a "grey" card on it.
    width, height: of the frames it was measured on, in pixels.
    area: the part of the frame that was measured: left, top, right, bottom, from 0 to 1.
    white: where white lies, in its brightest channel and the area's brightest place. Inferred
        from the grey card it may be above 1, where the camera clips.
    gains_bgr: what makes white neutral; the brightest channel's is 1.
    flat_field: rows of points of (blue, green, red), evenly from border to border of the area:
        what arrives there, as a part of what arrives in the channel's brightest place.
    noise: how much a pixel flickers from frame to frame, a standard deviation.
    """

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


@dataclass(frozen=True)
class CameraProfile(Measured):
    """One camera in one light: what was measured, and of which camera.

    identity: which camera, as its source calls it.
    measured_at: date and time, ISO 8601, UTC.
    settings: what the camera held still meanwhile, and must hold again.
    missing: what it could not hold, each a sentence.
    """

    schema: int
    identity: str
    measured_at: str
    settings: CameraSettings
    missing: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(f"its schema is {self.schema}, and this gemscan reads {SCHEMA}")
        if self.reference not in REFERENCES:
            raise ValueError(f"reference must be white or grey, not {self.reference}")
        if min(self.width, self.height) < 1:
            raise ValueError(f"a frame of {self.width} x {self.height} pixels has no picture")
        if not 0.02 <= self.white <= 8:
            raise ValueError(f"white must be from 0.02 to 8, not {self.white}")
        if len(self.gains_bgr) != 3 or not all(1 <= gain <= 20 for gain in self.gains_bgr):
            raise ValueError("gains_bgr must be three numbers from 1 to 20")
        _check_area(self.area)
        _check_grid(self.flat_field)


def _check_area(area: tuple[float, ...]) -> None:
    if len(area) == 4:
        left, top, right, bottom = area
        if 0 <= left < right <= 1 and 0 <= top < bottom <= 1:
            return
    raise ValueError("area must be left, top, right and bottom, from 0 to 1")


def _check_grid(grid: Grid) -> None:
    widths = {len(row) for row in grid}
    if len(grid) < 2 or len(widths) != 1 or min(widths) < 2:
        raise ValueError("flat_field must be two rows or more of two points or more, all as long")
    if any(
        len(point) != 3 or not all(0.02 <= v <= 1.1 for v in point) for r in grid for point in r
    ):
        raise ValueError("flat_field's points must be three numbers from 0.02 to 1.1")


def profiles_folder() -> Path:
    """Where profiles lie: $GEMSCAN_CAMERAS, or gemscan/cameras among the user's settings.

    Raises:
        SettingsError: neither is set, and this user has no home folder.
    """
    if chosen := os.environ.get("GEMSCAN_CAMERAS"):
        return Path(chosen)
    if base := os.environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "gemscan" / "cameras"
    return need_home("cameras' profiles", "GEMSCAN_CAMERAS") / ".config" / "gemscan" / "cameras"


def profile_path(identity: str) -> Path:
    """The file of one camera: readable, and two cameras never share one."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", identity).strip("-")[:60]
    digest = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return profiles_folder() / f"{readable}-{digest}.json"


def save_profile(profile: CameraProfile) -> Path:
    """Write a camera's profile in place of its last one, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    path = profile_path(profile.identity)
    write_json(path, asdict(profile))
    return path


def load_profile(path: Path) -> CameraProfile:
    """Read a profile.

    Raises:
        ProfileError: it cannot be read, is damaged, or of another schema.
    """
    with reading_errors(path, ProfileError):
        data = path.read_bytes()
    try:
        values = json.loads(data)
    except ValueError as exc:  # also bytes that are no text
        raise ProfileError(f"{path} is damaged ({exc}). {_AGAIN}") from exc
    try:
        return from_mapping(CameraProfile, values, where=str(path), error=ProfileError)
    except ProfileError as exc:
        raise ProfileError(f"{exc}. {_AGAIN}") from exc


_AGAIN = "Run gemscan calibrate-camera again, or remove the file."


def find_profile(identity: str) -> CameraProfile | None:
    """The profile of a camera, or None where it was never calibrated.

    Raises:
        ProfileError: there is one, and it cannot be used.
    """
    try:
        path = profile_path(identity)
    except SettingsError:  # no place for profiles, so none was kept
        return None
    with reading_errors(path, ProfileError):
        if not path.exists():
            return None
    profile = load_profile(path)
    if profile.identity != identity:
        raise ProfileError(f"{path} is of the camera {profile.identity}, not {identity}. {_AGAIN}")
    return profile
