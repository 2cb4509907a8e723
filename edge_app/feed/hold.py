"""Exposure, gain and white balance held still while stones are scanned."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields

from calibration.camera.settings import CameraSettings
from edge_app.sources.base import Adjustable, Drawn, Locked, Source

log = logging.getLogger(__name__)

SETTLE_S = 2.0  # for the camera's automatics, where no profile says what to hold
UNITS = {
    "exposure_us": "exposure {:.0f} µs",
    "gain": "gain {:.3g}",
    "red_gain": "red x {:.3f}",
    "blue_gain": "blue x {:.3f}",
    "white_balance_k": "white balance {:.0f} K",
}


class Holder:
    """Locks a camera each time that it is opened, to the same settings every time."""

    def __init__(self, profiled: Callable[[], CameraSettings | None] | None = None) -> None:
        """Args: profiled: what an opened camera's profile says; without one it is what it finds
        at first."""
        self._profiled = profiled or (lambda: None)
        self._held: CameraSettings | None = None
        self._said: tuple[str, ...] | None = None

    def hold(self, source: Source, run_for: Callable[[float], bool]) -> None:
        """Lock an opened source.

        Args:
            run_for: has it deliver for so many seconds, while its automatics settle. True: it is
                over, and nothing is to be locked any more.

        Raises:
            CameraError: the camera is gone.
            GemscanError: its profile cannot be used.
        """
        profiled = self._profiled()
        if isinstance(source, Drawn):
            return
        if not isinstance(source, Adjustable):
            self._say((f"{source.name}: its exposure, gain and white balance are not held",))
            return
        wanted = profiled or self._held
        if wanted is None and run_for(SETTLE_S):
            return
        locked = source.lock(wanted)
        self._held = wanted or locked.settings
        self._say((describe(source.name, locked), *locked.missing))

    def forget(self) -> None:
        """What the camera found for itself was no good; a profile's settings stay."""
        self._held = None

    def _say(self, lines: tuple[str, ...]) -> None:
        """Once, and again only when it has become another story."""
        if lines == self._said:
            return
        self._said = lines
        for number, line in enumerate(lines):
            log.log(logging.WARNING if number else logging.INFO, "%s", line)


def describe(name: str, locked: Locked) -> str:
    """One line on what a camera holds: "camera 0 holds exposure 8000 µs, gain 1.5"."""
    held = ((field.name, getattr(locked.settings, field.name)) for field in fields(CameraSettings))
    parts = [UNITS[field].format(value) for field, value in held if value is not None]
    return f"{name} holds {', '.join(parts) or 'nothing still'}"
