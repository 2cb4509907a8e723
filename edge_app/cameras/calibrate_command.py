"""`gemscan calibrate-camera`: measure the empty tray, and keep what makes its colours true."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calibration.camera.expose import Exposed
    from calibration.camera.profile import CameraProfile, Measured
    from edge_app.cameras.calibrate import TrayCamera
    from edge_app.sources.base import Locked

NOT_USED = "not used    gemscan run corrects cameras alone: what comes from a file stays as it is"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    parser.add_argument(
        "--source",
        default="0",
        metavar="URI",
        help="the camera, as for `gemscan run` (default: 0)",
    )
    parser.add_argument(
        "--reference",
        choices=("white", "grey"),
        default="white",
        help="what is in view: the empty white tray (default), or a grey card of 18 %% on it",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="keep a profile of a tray that is uneven, coloured or clipped, or of flickering light",
    )
    parser.set_defaults(run=run_calibrate_camera)


def run_calibrate_camera(args: argparse.Namespace) -> int:
    """Set the exposure, measure, save, and say what was found. 1: the tray is not fit."""
    from calibration.camera.profile import save_profile
    from calibration.camera.refuse import TrayError
    from edge_app.cameras.calibrate import TrayCamera
    from edge_app.live.stopping import raise_on_signals
    from edge_app.sources.uri import open_source

    with raise_on_signals(), open_source(args.source, ("Emerald",)) as source:
        camera = TrayCamera(source, args.reference)
        camera.settle()
        started_us = camera.locked.settings.exposure_us
        exposed = camera.expose()
        try:
            measured, after, profile = _measure(camera, args)
        except TrayError as exc:
            for line in _exposure(exposed, started_us, None):
                print(line)
            print(f"not calibrated: {exc}", file=sys.stderr)
            return 1
    path = save_profile(profile)
    print(camera.name, *_exposure(exposed, started_us, measured), sep="\n")
    print(*_found(measured, after), *_held(camera.name, camera.locked), sep="\n")
    print(f"saved       {path}", *([] if camera.live else [NOT_USED]), sep="\n")
    return 0


def _measure(
    camera: TrayCamera, args: argparse.Namespace
) -> tuple[Measured, Measured, CameraProfile]:
    """What is measured before and after correction, and the profile that corrects."""
    from calibration.camera.measure import measure
    from edge_app.cameras.calibrate import MEASURED_FROM

    frames = camera.frames(MEASURED_FROM)
    camera.refuse_frozen(frames)
    measured = measure(frames, reference=args.reference, force=args.force)
    profile = measured.profile(camera.identity, camera.locked.settings, camera.locked.missing)
    return measured, camera.checked(profile, frames), profile


def _exposure(
    exposed: Exposed | None, started_us: float | None, measured: Measured | None
) -> list[str]:
    from calibration.camera.expose import HIGHEST, LOWEST

    if exposed is not None:
        start = f"from {started_us:.0f} " if started_us else ""
        moved = f"{start}to {exposed.exposure_us:.0f} µs"
        lies = f"white lies at {exposed.level:.0%}, wanted are 80 to 90 %"
        return [f"exposure    {moved}: {exposed.problem or lies}"]
    if measured is None:
        return []
    line = f"exposure    cannot be set from here: white lies at {measured.white:.0%}"
    if LOWEST <= measured.white <= HIGHEST:
        return [f"{line}, which is right"]
    if measured.white < LOWEST:
        return [f"{line} and is lifted afterwards; more light would give cleaner colours"]
    return [f"{line}: what is bright is clipped, so turn the light down and run this again"]


def _found(measured: Measured, after: Measured) -> list[str]:
    gains = _colours(measured.gains_bgr, ".2f", "x ")
    return [
        f"before      white is {_colours(_levels(measured))} of the scale, "
        f"and {measured.falloff:.0%} darker in the darkest place",
        f"gains       {gains}",
        f"after       white is {_colours(_levels(after))}, "
        f"and {after.falloff:.0%} darker in the darkest place",
        f"noise       {measured.noise * 255:.1f} levels of 255, from frame to frame",
    ]


def _levels(measured: Measured) -> list[float]:
    return [measured.white / gain for gain in measured.gains_bgr]


def _colours(bgr: Sequence[float], form: str = ".0%", sign: str = "") -> str:
    names = ("red", "green", "blue")
    return ", ".join(f"{name} {sign}{v:{form}}" for name, v in zip(names, bgr[::-1], strict=True))


def _held(name: str, locked: Locked) -> list[str]:
    from edge_app.feed.hold import describe

    held = describe(name, locked).removeprefix(f"{name} holds ")
    return [f"held        {held}", *(f"not held    {missing}" for missing in locked.missing)]
