"""`gemscan log`: the stones that were scanned."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.record.reader import RecordReader
    from deploy.record.stones import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan log`."""
    when = "2026-01-31, “2026-01-31 14:30”, today, yesterday, or how long ago: 30m, 2h, 7d"
    parser.add_argument("--since", metavar="WHEN", help=f"only from then on: {when}")
    parser.add_argument("--until", metavar="WHEN", help="only up to then; a day is included")
    parser.add_argument(
        "--label", metavar="NAME", help="only stones of that name, corrections counted"
    )
    parser.add_argument("--refer", action="store_true", help="only stones that were referred")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV, for a spreadsheet")
    form.add_argument("--json", action="store_true", help="print all that is known, a line a stone")
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="F",
        help="the record's folder (default: GEMSCAN_RECORD, or gemscan in the user's data folder)",
    )
    parser.set_defaults(run=run_log)


def run_log(args: argparse.Namespace) -> int:
    """Print the record. 0, also when no stone fits."""
    from deploy.record.place import record_folder
    from deploy.record.reader import RecordReader
    from edge_app.record.log_lines import csv_lines, json_lines, table_lines

    write = csv_lines if args.csv else json_lines if args.json else table_lines
    with RecordReader(record_folder(args.folder)) as reader:
        return _print(write(_chosen(reader, args)))


def _chosen(reader: RecordReader, args: argparse.Namespace) -> Iterator[Entry]:
    from datetime import datetime

    from deploy.record.stones import clean_label
    from deploy.spelling import name_key
    from edge_app.record.moments import read_moment

    now = datetime.now().astimezone()
    since = read_moment(args.since, now) if args.since else ""
    until = read_moment(args.until, now, end=True) if args.until else "9999"
    label = name_key(clean_label(args.label)) if args.label else ""
    for entry in reader.entries(since, until):
        if args.refer and entry.stone.kind != "refer":
            continue
        if not label or label in map(name_key, entry.names):
            yield entry


def _print(lines: Iterator[str]) -> int:
    """Print whatever a name holds, to a terminal or to a program that may end before we do."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    try:
        for line in lines:
            sys.stdout.write(line)
        sys.stdout.flush()
    except BrokenPipeError:  # as by `| head`; nothing more can be said there, also at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
