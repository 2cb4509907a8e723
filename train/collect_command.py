"""`gemscan data collect`: corrections and taught stones become a folder to train on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from train.collect import Collected

ABOUT = (
    "Copy the crops of corrected and of taught stones out of a record into DIR/CLASS, one folder "
    "per class, and show how many each class has. Nothing is overwritten; run again, it adds what "
    "is new. Exit code 1: a picture was damaged and left out."
)
FEW, UNEVEN = 20, 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan data collect`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="where to, one folder per class")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="F",
        help="the record's folder (default: GEMSCAN_RECORD, or gemscan in the user's data folder)",
    )
    parser.set_defaults(run=run_collect)


def run_collect(args: argparse.Namespace) -> int:
    """Collect, and show the balance."""
    from deploy.record.place import record_folder
    from train.collect import collect

    done = collect(record_folder(args.record), args.folder)
    for line in [*done.damaged, *done.moved]:
        print(line)
    _print_balance(done)
    added = sum(done.added.values())
    print(f"{args.folder}: {added} pictures added, {done.there} were there already")
    if done.gone:
        print(f"{done.gone} corrected stones have no picture any more")
    return 1 if done.damaged else 0


def _print_balance(done: Collected) -> None:
    """How many pictures each class has, and what of it makes training hard."""
    if not done.in_folder:
        return
    width = max(5, *map(len, done.in_folder))
    print(f"{'class':{width}}  {'new':>5}  {'in all':>6}")
    for name, count in done.in_folder.items():
        print(f"{name:{width}}  {done.added.get(name, 0):5}  {count:6}")
    fewest, most = min(done.in_folder.values()), max(done.in_folder.values())
    if most > UNEVEN * max(1, fewest):
        print(f"uneven: the largest class has {most} pictures, the smallest {fewest}")
    if few := sum(count < FEW for count in done.in_folder.values()):
        print(f"{few} of {len(done.in_folder)} classes have fewer than {FEW} pictures")
