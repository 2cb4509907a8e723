"""`gemscan card`: what a bundle knows, and how far it was seen to be right."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The argument of `gemscan card`."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="model bundle, folder or zip")
    parser.set_defaults(run=run_card)


def run_card(args: argparse.Namespace) -> int:
    """Print the card."""
    from deploy.bundle import load_bundle
    from deploy.evaluation.card import card

    columns = min(shutil.get_terminal_size((100, 24)).columns, 100)
    print(card(load_bundle(args.bundle), columns))
    return 0
