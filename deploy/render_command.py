"""`gemscan data render`: draw a folder of cut stones."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.arguments import number
from deploy.errors import DataError
from deploy.files import storage_errors

ABOUT = "Draw cut stones with known labels, as OUT/CLASS/class_000.jpg."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan data render`."""
    parser.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        help="a new or empty folder; one with files in it is refused, so that drawn stones are "
        "never mixed with photographs or with stones of another seed",
    )
    parser.add_argument(
        "--classes", type=Path, metavar="FILE", help="class names, one a line (15 known gems)"
    )
    parser.add_argument(
        "--per-class",
        type=number(1, 1_000_000),
        default=20,
        metavar="N",
        help="pictures of each (20)",
    )
    parser.add_argument(
        "--seed", type=number(0, 2**63 - 1), default=0, help="same seed, same pictures (0)"
    )
    parser.add_argument(
        "--size", type=number(32, 2048), default=288, metavar="PX", help="side of a picture (288)"
    )
    parser.set_defaults(run=run_render)


def run_render(args: argparse.Namespace) -> int:
    """Draw cut stones with known labels, as OUT/CLASS/class_000.jpg."""
    from deploy.folders import read_class_list
    from deploy.render.folder import render_folder
    from deploy.render.looks import LOOKS

    _refuse_filled(args.out)
    classes = read_class_list(args.classes) if args.classes else tuple(LOOKS)
    written = render_folder(args.out, classes, args.per_class, args.seed, args.size)
    print(f"{args.out}: {written} pictures of {len(classes)} classes, {args.per_class} each")
    return 0


def _refuse_filled(out: Path) -> None:
    with storage_errors(out):
        if out.is_dir() and not any(out.iterdir()):
            return
    if out.exists():
        what = "already holds files" if out.is_dir() else "is a file"
        raise DataError(f"{out} {what}. Give a new folder, or empty this one first.")
