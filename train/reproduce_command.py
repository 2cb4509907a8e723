"""`gemscan reproduce`: the reference experiment beside a sound one, on the same photographs."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.train_command import add_machine_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags that are left out take the value of each preset."""
    parser.add_argument("data", type=Path, metavar="DATA", help="folder with a folder per class")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        required=True,
        help="where to write; the same command goes on where it was stopped",
    )
    parser.add_argument(
        "--classes", type=Path, metavar="FILE", help="classes, one a line, in order"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="of both, for small machines")
    parser.add_argument(
        "--size",
        type=int,
        metavar="PX",
        dest="size_px",
        help="input side in pixels of both, for small machines",
    )
    parser.add_argument("--batch", type=int, metavar="N", help="of both")
    parser.add_argument("--seed", type=int, help="of both")
    parser.add_argument(
        "--weights",
        metavar="imagenet|none|PATH",
        default="imagenet",
        help="what the sound one starts from, default imagenet",
    )
    add_machine_arguments(parser)
    parser.set_defaults(run=run_reproduce)


def run_reproduce(args: argparse.Namespace) -> int:
    """Train both and print them side by side; libraries are loaded only now."""
    from train.reproduce.reproduce import reproduce

    return reproduce(args)
