"""`gemscan export`: a run to a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, the bundle, and which of its checkpoints."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="what gemscan train wrote")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder to write")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    parser.add_argument("--version", default="1", help="of the bundle, default 1")
    parser.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    """Export, and say how the result was proven."""
    from train.export import export_run

    proof = export_run(
        args.run_folder, args.bundle, version=args.version, checkpoint=args.checkpoint
    )
    print(
        f"{args.bundle}: on {proof.pictures} validation pictures ONNX Runtime and torch agree to "
        f"{proof.gap:.1e} in every logit; top-1 {proof.top1:.1%}. "
        f"Next: gemscan calibrate {args.bundle} --images DIR"
    )
    return 0
