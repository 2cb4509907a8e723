"""Numbers on the command line, refused where they are typed, and a flag that verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

MOST_THREADS = 1024


def number(low: int, high: int) -> Callable[[str], int]:
    """A reader for argparse: a whole number from `low`, which is at least 0, to `high`."""

    def read(text: str) -> int:
        if not (text.isdecimal() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"must be a number from {low} to {high}, not {text}")
        return int(text)

    return read


def share(low: float = 0.0, *, below_1: bool = False) -> Callable[[str], float]:
    """A reader for argparse: a part of a whole, from `low` to 1, or to less than 1."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not low <= value <= 1 or (below_1 and value == 1):
            most = "below 1" if below_1 else "1"
            raise argparse.ArgumentTypeError(f"must be a number from {low:g} to {most}, not {text}")
        return value

    return read


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The flag of every verb that runs a model on the processor."""
    parser.add_argument(
        "--threads",
        type=number(0, MOST_THREADS),
        default=0,
        metavar="N",
        help="processor cores that work on one picture (default: 0, all)",
    )
