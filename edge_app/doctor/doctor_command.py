"""`gemscan doctor`: what this machine has, and what to do about what is missing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_app.defaults import SHIPPED_BUNDLE

if TYPE_CHECKING:
    from edge_app.doctor.check import Check

COLOURS = {"ok": "green", "note": "yellow", "missing": "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    parser.add_argument(
        "--bundle",
        type=Path,
        default=SHIPPED_BUNDLE,
        metavar="B",
        help="model bundle to verify and run (default: the 15 gems that come with gemscan)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found here")
    parser.set_defaults(run=run_doctor)


def run_doctor(args: argparse.Namespace) -> int:
    """Print every check. 0 when the bundle runs on this machine's CPU, else 1."""
    from deploy.files import write_json
    from edge_app.doctor.doctor import can_run, run_checks
    from edge_app.machine.facts import describe_machine

    checks = run_checks(args.bundle)
    ready = can_run(checks)
    print_checks(checks)
    print("This machine can run gemscan." if ready else "This machine cannot run gemscan yet.")
    if args.json is not None:
        said = {"ready": ready, "checks": [check.as_json() for check in checks]}
        write_json(args.json, said | {"machine": describe_machine()})
    return 0 if ready else 1


def print_checks(checks: list[Check]) -> None:
    """Print one line a check, and its remedy below it."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    for check in checks:
        state = f"[{COLOURS[check.state]}]{check.state:8}[/]"
        console.print(f"{state}{check.name:22}{escape(check.found)}")
        if check.remedy:
            console.print(f"{'':30}-> {check.remedy}", markup=False)
