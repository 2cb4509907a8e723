"""`gemscan data`: what is done to folders of pictures, one subcommand per task."""

from __future__ import annotations

import argparse

from deploy import render_command
from train import collect_command, split_command
from train.check import check_command

TASKS = (
    ("check", check_command, "find bad pictures, copies and doubtful labels"),
    ("split", split_command, "divide into training and validation, no photograph on both"),
    ("collect", collect_command, "take corrected and taught stones out of the record"),
    ("render", render_command, "draw cut stones"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Subcommands of `gemscan data`."""
    tasks = parser.add_subparsers(dest="task", metavar="TASK", required=True)
    for name, module, purpose in TASKS:
        module.add_arguments(tasks.add_parser(name, help=purpose, description=module.ABOUT))
