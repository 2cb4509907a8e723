"""A Video4Linux camera's exposure, gain and white balance: turned over to us, set, read back.

Through the kernel, not through OpenCV's properties: those know neither the automatic gain nor the
range of a control, and answer -1 for "no such control" as for "unplugged".
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from calibration.camera.settings import CameraSettings
from edge_app.sources.base import Locked
from edge_app.v4l2.device import Control

# Numbers of controls; source: linux/v4l2-controls.h.
EXPOSURE_AUTO, EXPOSURE_ABSOLUTE = 0x009A0901, 0x009A0902
AUTO_WHITE_BALANCE, WHITE_BALANCE_TEMPERATURE = 0x0098090C, 0x0098091A
AUTOGAIN, GAIN = 0x00980912, 0x00980913

EXPOSURE_MANUAL = 1  # of enum v4l2_exposure_auto_type
EXPOSURE_STEP_US = 100.0
READ_BACK_S = 0.3  # some cameras take a moment to own up to a new value


class Controls(Protocol):
    """What is used of a `V4l2Device`."""

    def control(self, number: int) -> Control | None: ...

    def get(self, number: int) -> int: ...

    def set(self, number: int, value: int) -> None: ...


@dataclass(frozen=True)
class Quantity:
    """One thing to hold still.

    value: the control's number.
    automatic: of the control that gives it to the camera's own judgement; `off` takes it back.
    unit: what one step of the control is, in `field`'s unit.
    """

    name: str
    field: str
    value: int
    automatic: int
    off: int
    unit: float
    unit_name: str


QUANTITIES = (
    Quantity(
        *("exposure", "exposure_us", EXPOSURE_ABSOLUTE, EXPOSURE_AUTO, EXPOSURE_MANUAL),
        *(EXPOSURE_STEP_US, " µs"),
    ),
    Quantity("gain", "gain", GAIN, AUTOGAIN, 0, 1.0, ""),
    Quantity(
        *("white balance", "white_balance_k", WHITE_BALANCE_TEMPERATURE, AUTO_WHITE_BALANCE, 0),
        *(1.0, " K"),
    ),
)


def lock_controls(device: Controls, wanted: CameraSettings | None) -> Locked:
    """Turn the automatics off and hold `wanted`; what it leaves out is held as it is by now.

    The values are read before an automatic is turned off: some cameras jump to another one then.

    Raises:
        OSError: the camera is gone.
    """
    wanted = wanted or CameraSettings()
    now = values(device)
    missing = turn_off(device)
    for one in QUANTITIES:
        asked = getattr(wanted, one.field)
        aim = getattr(now, one.field) if asked is None else asked
        missing += [said] if (said := _hold(device, one, aim)) else []
    return Locked(values(device), tuple(missing + _gains(wanted)))


def values(device: Controls) -> CameraSettings:
    """What a camera says of itself now."""
    said = {one: _get(device, one.value) for one in QUANTITIES}
    return CameraSettings(**{o.field: n * o.unit for o, n in said.items() if n is not None})


def turn_off(device: Controls) -> list[str]:
    """Turn the automatics off; a sentence for each that stays on."""
    return [said for one in QUANTITIES if (said := _turn_off(device, one))]


def lockable(device: Controls) -> list[str]:
    """The names of what a camera lets us hold still, nothing changed."""
    found = []
    for one in QUANTITIES:
        control = device.control(one.value)
        if control is not None and not control.read_only:
            found.append(one.name)
    return found


def automatics(device: Controls) -> dict[int, int]:
    """How a camera's automatics stand: each one's control number and value."""
    said = {one.automatic: _get(device, one.automatic) for one in QUANTITIES}
    return {number: value for number, value in said.items() if value is not None}


def restore(device: Controls, before: Mapping[int, int]) -> None:
    """Let the automatics stand as `automatics` has found them: a camera keeps what it was told.

    Raises:
        OSError: the camera is gone.
    """
    for number, value in before.items():
        _set(device, number, value)


def _turn_off(device: Controls, one: Quantity) -> str:
    """Take a quantity from the camera's own judgement; a sentence where it does not let go."""
    if _get(device, one.automatic) in (None, one.off):
        return ""
    refused = _set(device, one.automatic, one.off)
    if refused:
        return f"the automatic {one.name} stays on: the camera refused to turn it off ({refused})."
    if not _reads(device, one.automatic, one.off, 0):
        return f"the automatic {one.name} stays on: the camera agreed to turn it off and did not."
    return ""


def _hold(device: Controls, one: Quantity, aim: float | None) -> str:
    """Set a quantity; a sentence where it did not take, or cannot.

    Args:
        aim: in the field's unit; None where the camera has no such control.
    """
    control, now = device.control(one.value), _get(device, one.value)
    if control is None:
        return f"{one.name} cannot be held still: this camera has no such control."
    if aim is None or now is None:
        return f"{one.name} cannot be held still: this camera does not tell it."
    steps = min(max(round(aim / one.unit), control.minimum), control.maximum)
    refused = "" if now == steps else _set(device, one.value, steps)
    if refused:
        return f"{one.name} cannot be set: the camera refused {_in_words(one, aim)} ({refused})."
    within = max(control.step, 1) * one.unit
    if _reads(device, one.value, steps, control.step - 1) and abs(steps * one.unit - aim) < within:
        return ""
    held = _in_words(one, (_get(device, one.value) or 0) * one.unit)
    return f"{one.name} was to be {_in_words(one, aim)}; the camera holds {held}."


def _get(device: Controls, number: int) -> int | None:
    """A control's value; None where there is none of that number, or the camera does not tell.

    Raises:
        OSError: the camera is gone.
    """
    if device.control(number) is None:
        return None
    try:
        return device.get(number)
    except OSError as exc:
        if exc.errno == errno.ENODEV:
            raise
        return None


def _set(device: Controls, number: int, value: int) -> str:
    """The kernel's words for why it was refused; empty when it was not.

    Raises:
        OSError: the camera is gone.
    """
    try:
        device.set(number, value)
    except OSError as exc:
        if exc.errno == errno.ENODEV:
            raise
        return os.strerror(exc.errno or 0)
    return ""


def _reads(device: Controls, number: int, value: int, within: int) -> bool:
    """Whether a control comes to say that it has a value."""
    deadline = time.monotonic() + READ_BACK_S
    while (said := _get(device, number)) is None or abs(said - value) > max(within, 0):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True


def _in_words(one: Quantity, amount: float) -> str:
    return f"{amount:g}{one.unit_name}"


def _gains(wanted: CameraSettings) -> list[str]:
    """Settings that were made for a camera of another kind."""
    if wanted.red_gain is None and wanted.blue_gain is None:
        return []
    return ["the red and blue gains were left out: this camera's white balance is in kelvin."]
