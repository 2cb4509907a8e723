"""`gemscan cameras`: what is plugged in, and what to write behind --source."""

from __future__ import annotations

import argparse
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_app.cameras.listing import FoundCamera, Mode

NO_CAMERA = (
    "no camera. Plug one in and run this again (gemscan doctor says more); "
    "without one: gemscan run --source demo://"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found here")
    parser.set_defaults(run=run_cameras)


def run_cameras(args: argparse.Namespace) -> int:
    """Print every camera. 0 when there is one that can be used, else 1."""
    from deploy.files import write_json
    from edge_app.cameras.listing import find_cameras
    from edge_app.cameras.pi import find_pi_cameras

    found = find_pi_cameras() + find_cameras()
    for camera in found:
        print("\n".join(describe(camera)))
    if not found:
        print(NO_CAMERA)
    if args.json is not None:
        write_json(args.json, {"cameras": [camera.as_json() for camera in found]})
    return 0 if any(not camera.problem for camera in found) else 1


def describe(camera: FoundCamera) -> list[str]:
    """A camera in lines; what is not known has none."""
    by_format = groupby(camera.modes, key=lambda mode: mode.format)
    rows = [
        ("problem", camera.problem),
        ("driver", ", ".join(part for part in (camera.driver, camera.bus) if part)),
        ("identity", camera.identity),
        ("always", camera.stable_uri),
        *((name.strip(), "; ".join(map(_mode, modes))) for name, modes in by_format),
        ("locks", ", ".join(camera.locks)),
    ]
    return [f"{camera.uri}  {camera.name}", *(f"  {name:9} {text}" for name, text in rows if text)]


def _mode(mode: Mode) -> str:
    size = f"{'up to ' if mode.is_range else ''}{mode.width}x{mode.height}"
    rates = ", ".join(f"{fps:g}" for fps in mode.fps)
    return f"{size} at {rates}" if rates else size
