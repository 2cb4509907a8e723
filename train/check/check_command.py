"""`gemscan data check`: what is wrong with a folder of pictures, and putting it aside."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.errors import SettingsError

if TYPE_CHECKING:
    from train.check.quarantine import Moved
    from train.check.report import Report

ABOUT = (
    "Find pictures that cannot be read or are tiny, blurred, badly exposed or show too small a "
    "stone; copies of one photograph; and labels that may be wrong. Nothing is ever deleted. "
    "Exit code 1: with --split, one photograph stands on both sides, or a picture of --fix or "
    "--undo was not moved. 0: else, whatever was found."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan data check`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="one folder of pictures per class")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to look at")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every finding there")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="only these, one a line")
    parser.add_argument(
        "--split",
        type=Path,
        metavar="FILE",
        help="split.json of a run or of “data split”: also say which copies stand on both sides",
    )
    act = parser.add_mutually_exclusive_group()
    act.add_argument(
        "--fix",
        type=Path,
        metavar="LIST",
        help="check nothing; put aside the pictures of this list: a path relative to DIR a line, "
        "as the page saves it",
    )
    act.add_argument(
        "--undo",
        type=Path,
        metavar="QUARANTINE",
        help="check nothing; move what was put aside there back into DIR",
    )
    parser.add_argument(
        "--quarantine",
        type=Path,
        metavar="DIR",
        help="where --fix puts pictures (beside the folder, its name and “-quarantine”)",
    )
    parser.set_defaults(run=run_check)


def run_check(args: argparse.Namespace) -> int:
    """Check, or move what was agreed to."""
    if args.quarantine and not args.fix:
        raise SettingsError("--quarantine says where --fix puts pictures. Give both, or neither.")
    if args.fix:
        return _fix(args.folder, args.fix, args.quarantine)
    if args.undo:
        from train.check.quarantine import put_back

        return _say(put_back(args.folder, args.undo), f"moved back to {args.folder}")
    return _check(args)


def _fix(folder: Path, agreed: Path, quarantine: Path | None) -> int:
    from train.check.quarantine import default_quarantine, put_aside, read_list

    place = quarantine or default_quarantine(folder)
    code = _say(put_aside(folder, read_list(agreed), place), f"moved to {place}")
    print(f"To undo it: gemscan data check {folder} --undo {place}")
    return code


def _say(moved: Moved, what: str) -> int:
    for line in moved.left:
        print(line)
    print(f"{moved.done} pictures {what}")
    return 1 if moved.left else 0


def _check(args: argparse.Namespace) -> int:
    from deploy.files import write_json
    from deploy.folders import read_class_list
    from deploy.progress import reading
    from train.check.report import check_folder
    from train.check.summary import print_report
    from train.data.split import read_sides

    classes = read_class_list(args.classes) if args.classes else None
    sides = read_sides(args.split) if args.split else None
    report = check_folder(args.folder, classes, sides, progress=reading)
    if args.json:
        write_json(args.json, report.to_json())
    if args.html:
        from train.check.page import write_page

        write_page(report, args.html)
    print_report(report)
    _say_next(report, args.html)
    return 1 if report.of_kind("sides") else 0


def _say_next(report: Report, page: Path | None) -> None:
    if page:
        print(f"Look at {page}, tick what should go, save the list, and give it to --fix.")
    elif report.findings:
        print("To see them: add --html FILE.")
