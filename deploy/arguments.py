"""Numbers on the command line, refused where they are typed."""

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
