"""`gemscan report`: what a run made of its pictures, as one page."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, and what computes."""
    parser.add_argument(
        "run_folder",
        type=Path,
        metavar="RUN",
        help="what gemscan train wrote, finished or not; the page is RUN/report.html",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where the validation pictures are looked at again",
    )
    parser.set_defaults(run=run_report)


def run_report(args: argparse.Namespace) -> int:
    """Write the page, and say where it is."""
    from train.report.report import write_report

    print(write_report(args.run_folder, args.device))
    return 0
