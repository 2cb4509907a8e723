"""Hold what a camera's automatics have chosen, also where the camera does not tell what that is.

Some cameras say it while the automatic is on and jump to a default when it is turned off; others
say it only afterwards; others never. The picture decides which word was true.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np

from calibration.camera.settings import CameraSettings
from deploy.arrays import FloatArray
from edge_app.sources.base import Locked
from edge_app.sources.v4l2_controls import Controls, lock_controls, turn_off, values

Look = Callable[[], "FloatArray | None"]

SAME_LIGHT, SAME_COLOUR = 1.12, 1.06  # ratios that are no change: flicker, noise
TRIES = 6
# Between a picture that is linear in light and one with a display's gamma: it converges for both.
RESPONSE = 1.5
EXPOSURE_LOST = (
    "the picture changed its brightness when the automatic exposure was turned off: this camera "
    "does not tell what it had chosen."
)
COLOUR_LOST = (
    "the colours changed when the automatic white balance was turned off: this camera does not "
    "tell what it had chosen."
)


def hold_chosen(device: Controls, look: Look) -> Locked:
    """Turn the automatics off, and keep the picture as it is.

    Args:
        look: the mean (B, G, R) of what the camera sees with the settings of now; None where it
            gives no picture.

    Raises:
        OSError: the camera is gone.
    """
    was, said_before = look(), values(device)
    turn_off(device)
    said_after = values(device)
    locked = _first_that_keeps(device, (said_before, said_after), was, look)
    if locked is not None:
        return locked
    locked = lock_controls(device, said_before)
    now = look()
    if was is None or now is None:
        return locked
    return _by_the_picture(device, locked, was, now, look)


def _first_that_keeps(
    device: Controls, choices: Iterable[CameraSettings], was: FloatArray | None, look: Look
) -> Locked | None:
    """Hold the first of some settings with which the picture is as it was."""
    for settings in dict.fromkeys(choices):
        locked, now = lock_controls(device, settings), look()
        if was is None or now is None or (_same_light(was, now) and _same_colour(was, now)):
            return locked
    return None


def _by_the_picture(
    device: Controls, locked: Locked, was: FloatArray, now: FloatArray, look: Look
) -> Locked:
    """Seek the exposure that gives the brightness there was. Colours cannot be sought so."""
    for _ in range(TRIES):
        exposure = locked.settings.exposure_us
        if exposure is None or _same_light(was, now):
            break
        sought = exposure * float(was.mean() / now.mean()) ** RESPONSE
        locked = lock_controls(device, dataclasses.replace(locked.settings, exposure_us=sought))
        now = _or_else(look(), now)
    problems = [] if _same_light(was, now) else [EXPOSURE_LOST]
    problems += [] if _same_colour(was, now) else [COLOUR_LOST]
    return Locked(locked.settings, (*locked.missing, *problems))


def _or_else(now: FloatArray | None, before: FloatArray) -> FloatArray:
    return before if now is None else now


def _same_light(was: FloatArray, now: FloatArray) -> bool:
    return _within(was.mean() / now.mean(), SAME_LIGHT)


def _same_colour(was: FloatArray, now: FloatArray) -> bool:
    """Blue and red, both against green."""
    ratios = (was / was[1]) / (now / now[1])
    return all(_within(float(ratio), SAME_COLOUR) for ratio in ratios)


def _within(ratio: float, most: float) -> bool:
    return 1 / most < ratio < most


def mean_colour(images: Iterable[np.ndarray]) -> FloatArray | None:
    """The mean (B, G, R) of some pictures, never 0; None where there are none."""
    means = [image.reshape(-1, 3).mean(axis=0) for image in images]
    return np.maximum(np.mean(means, axis=0), 1.0) if means else None
