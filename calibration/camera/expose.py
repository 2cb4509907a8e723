"""Setting a camera's exposure so that white lies where it should: near the top, and below it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deploy.srgb import to_encoded, to_linear

LOWEST, HIGHEST = 0.80, 0.90  # where white may lie, as a part of 255
_AIM = 0.85
_NEAR = 0.015  # of the aim: near enough to stop
_CLIPPED = 0.985
_WHEN_CLIPPED = 0.25  # how much more light there was than 255 cannot be seen
_MOST_STEP = 16.0
_STEPS = 10
_SAME = 0.01  # of the exposure: less is no other one
MAINS_US = (1e6 / 100, 1e6 / 120)  # a lamp's light at 50 and 60 Hz comes and goes twice a period
_STEADY = (0.60, 0.92)  # where white may lie for the sake of an exposure without flicker


@dataclass(frozen=True)
class Exposed:
    """Where the exposure came to rest.

    exposure_us: what the camera says it holds, in microseconds.
    level: where white lies, as a part of 255; a grey card may put it above 1.
    problem: why it is not between 80 and 90 %, a sentence, or empty.
    """

    exposure_us: float
    level: float
    problem: str = ""


def set_exposure(
    look: Callable[[], float], hold: Callable[[float], float | None], start_us: float
) -> Exposed:
    """Change the exposure until white lies between 80 and 90 %.

    Light is proportional to exposure, so one step would do but for the camera's own curve, its
    steps, and a start where white is clipped.

    Args:
        look: where white lies now, as a part of 255, in a frame taken with what is held.
        hold: sets an exposure in microseconds and returns what the camera says it holds now.
        start_us: what it holds at the start.
    """
    exposure_us, level = start_us, look()
    for _ in range(_STEPS):
        if abs(level - _AIM) <= _NEAR:
            break
        held = hold(exposure_us * _factor(level))
        if held is None or abs(held - exposure_us) < _SAME * exposure_us:
            break  # it goes no further, or has no step between
        exposure_us, level = held, look()
    return Exposed(exposure_us, level, _problem(level))


def steady_exposures(exposed: Exposed) -> list[float]:
    """Multiples of the mains' half period, in microseconds, near enough to an exposure.

    A lamp that flickers gives each frame the same light if the exposure spans whole flashes.
    Below 8.33 ms there is none: there only another lamp helps.
    """
    near = [max(1, round(exposed.exposure_us / half)) * half for half in MAINS_US]
    return [us for us in near if _STEADY[0] <= _predicted(exposed, us) <= _STEADY[1]]


def _predicted(exposed: Exposed, exposure_us: float) -> float:
    return float(to_encoded(to_linear(exposed.level) * exposure_us / exposed.exposure_us))


def _factor(level: float) -> float:
    if level >= _CLIPPED:
        return _WHEN_CLIPPED
    factor = float(to_linear(_AIM) / max(to_linear(level), 1e-4))
    return min(max(factor, 1 / _MOST_STEP), _MOST_STEP)


def _problem(level: float) -> str:
    if LOWEST <= level <= HIGHEST:
        return ""
    if level > HIGHEST:
        return (
            f"at the camera's shortest exposure white lies at {min(level, 1):.0%}: "
            "turn the light down"
        )
    return f"at the camera's longest exposure white lies at {level:.0%}: turn the light up"
