"""`gemscan data split`: training and validation, with no photograph on both."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.arguments import number
from train.settings import LARGEST_SEED

ABOUT = (
    "Divide a folder of pictures for training and validation. Copies of one photograph stay "
    "together, every class stands on both sides, and the file that was written is checked. "
    "“gemscan train --split FILE” takes it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan data split`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="one folder of pictures per class")
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help="where to write")
    parser.add_argument(
        "--ratio", type=ratio, default=(8, 1), metavar="T:V", help="training to validation (8:1)"
    )
    parser.add_argument(
        "--seed", type=number(0, LARGEST_SEED), default=0, help="same seed, same split (0)"
    )
    parser.add_argument("--classes", type=Path, metavar="FILE", help="only these, one a line")
    parser.set_defaults(run=run_split)


def ratio(text: str) -> tuple[int, int]:
    """For argparse: two whole numbers from 1 on, as "8:1"."""
    parts = text.split(":")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"must be two numbers like 8:1, not {text}")
    return int(parts[0]), int(parts[1])


def run_split(args: argparse.Namespace) -> int:
    """Split, write, and prove what was written."""
    from deploy.folders import read_class_list
    from deploy.progress import reading
    from train.data.split_folder import split_folder

    classes = read_class_list(args.classes) if args.classes else None
    proof = split_folder(
        args.folder, args.out, args.ratio, args.seed, classes=classes, progress=reading
    )
    print(f"{args.out}: {proof}")
    return 0
