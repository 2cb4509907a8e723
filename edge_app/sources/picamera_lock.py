"""Hold a Raspberry Pi camera's exposure, gain and white balance still, and look whether it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any

from calibration.camera.settings import CameraSettings
from edge_app.sources.base import Locked

LOCK_TIMEOUT_S = 3.0
# A control takes effect some frames after it was set, by the sensor's pipeline. Then several
# frames in a row must be right: automatics that still wander pass by the right value as well.
SETTLE_FRAMES, STEADY_FRAMES = 5, 5
# A sensor exposes whole lines and has steps of gain: a line takes up to about 100 us, and steps
# at high gain are about 4 % apart (IMX219: 256 / (256 - code)).
EXPOSURE_TOLERANCE, EXPOSURE_STEP_US = 0.02, 100.0
GAIN_TOLERANCE, COLOUR_TOLERANCE = 0.05, 0.02

Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class Controls:
    """What a camera is told to hold.

    values: by libcamera's names, without those that this camera does not have.
    missing: the others, each a sentence.
    """

    values: Mapping[str, Any]
    missing: tuple[str, ...]


def hold(
    wanted: CameraSettings | None,
    known: Container[str],
    send: Callable[[dict[str, Any]], None],
    metadata: Callable[[], Metadata],
) -> Locked:
    """Turn the automatics off and wait until the frames show it.

    Args:
        wanted: None holds what the automatics chose by now; so does a field that is None.
        known: the names of the controls that this camera has.
        send: sets controls.
        metadata: of the next frame.

    Raises:
        CameraError: no frame came (from `metadata`).
    """
    controls = choose_controls(wanted or CameraSettings(), metadata(), known)
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        # Again in each round: picamera2 makes a new set of controls with every request that goes
        # back, and one that is set at that very moment is lost.
        send(dict(controls.values))
        now, wrong = _watch(controls.values, metadata)
        if not wrong or time.monotonic() > deadline:
            return Locked(read_settings(now), (*controls.missing, *wrong))


def _watch(told: Mapping[str, Any], metadata: Callable[[], Metadata]) -> tuple[Metadata, list[str]]:
    """The last of some frames, and what any of them lacked."""
    for _ in range(SETTLE_FRAMES):
        metadata()
    frames = [metadata() for _ in range(STEADY_FRAMES)]
    wrong: dict[str, str] = {}
    for frame in frames:
        wrong |= differences(told, frame)
    return frames[-1], list(wrong.values())


def choose_controls(wanted: CameraSettings, now: Metadata, known: Container[str]) -> Controls:
    """What to tell the camera: a value that is not asked for stays as the frame shows it.

    So does one of 0, which libcamera takes for "choose it yourself".
    """
    current = read_settings(now)
    exposure_us = wanted.exposure_us or current.exposure_us
    gain = wanted.gain or current.gain
    red, blue = wanted.red_gain or current.red_gain, wanted.blue_gain or current.blue_gain
    groups: dict[str, dict[str, Any]] = {
        "exposure": {"AeEnable": False, "ExposureTime": exposure_us and round(exposure_us)},
        "gain": {"AnalogueGain": gain},
        "white balance": {"AwbEnable": False, "ColourGains": red and blue and (red, blue)},
    }
    values: dict[str, Any] = {}
    missing: list[str] = []
    for what, group in groups.items():
        if all(name in known and value is not None for name, value in group.items()):
            values.update(group)
        else:
            missing.append(f"this camera has no {what} that can be held still")
    if wanted.white_balance_k is not None:
        missing.append("this camera takes red and blue gains, and no colour temperature")
    return Controls(values, tuple(missing))


def differences(told: Mapping[str, Any], now: Metadata) -> dict[str, str]:
    """Where a frame was not taken as the camera was told: what, and a sentence about it."""
    held = read_settings(now)
    exposure_us, gain = told.get("ExposureTime"), told.get("AnalogueGain")
    red, blue = told.get("ColourGains", (None, None))
    lines = max(EXPOSURE_TOLERANCE, EXPOSURE_STEP_US / max(exposure_us or 1, 1))
    checks = (
        ("an exposure of {} us", exposure_us, held.exposure_us, lines),
        ("a gain of {}", gain, held.gain, GAIN_TOLERANCE),
        ("a red gain of {}", red, held.red_gain, COLOUR_TOLERANCE),
        ("a blue gain of {}", blue, held.blue_gain, COLOUR_TOLERANCE),
    )
    return {
        what: f"{what.format(_number(asked))} did not take: the camera is at {_number(has)}"
        for what, asked, has, tolerance in checks
        if asked is not None and not _near(asked, has, tolerance)
    }


def read_settings(metadata: Metadata) -> CameraSettings:
    """What a frame was taken with, as libcamera says."""
    red, blue = metadata.get("ColourGains") or (None, None)
    return CameraSettings(
        exposure_us=metadata.get("ExposureTime"),
        gain=metadata.get("AnalogueGain"),
        red_gain=red,
        blue_gain=blue,
    )


def _near(asked: float, has: float | None, tolerance: float) -> bool:
    return has is not None and abs(has - asked) <= tolerance * asked


def _number(value: float | None) -> str:
    return "an unknown value" if value is None else f"{value:.6g}"
