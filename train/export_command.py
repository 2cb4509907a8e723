"""`gemscan export`: a run to a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.progress import shown
from train.confidence_command import add_targets, asked_for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, the bundle, and which of its checkpoints."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="what gemscan train wrote")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder to write")
    parser.add_argument(
        "--checkpoint",
        choices=("best", "last"),
        default="best",
        help="best (default): the weights of the epoch with the lowest validation loss; last: "
        "those of the last epoch, which no score chose",
    )
    parser.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="of the run's classes those that the bundle is to know, one a line, in order; the "
        "others taught the network what it sees, and help it to refer (default: all)",
    )
    parser.add_argument("--version", default="1", help="of the bundle, default 1")
    parser.add_argument(
        "--others",
        type=Path,
        metavar="DIR",
        help="one folder of pictures per kind that the model is not to know: it refers more of "
        "them then",
    )
    judged = parser.add_mutually_exclusive_group()
    judged.add_argument(
        "--folds",
        type=Path,
        metavar="DIR",
        help="what gemscan crossvalidate made of this recipe: the thresholds are chosen on all its "
        "pictures, each as judged by the run that never saw it, and its estimate travels too",
    )
    judged.add_argument(
        "--estimate",
        type=Path,
        metavar="FILE",
        help="estimate.json of gemscan crossvalidate alone, where its runs are gone",
    )
    add_targets(parser)
    parser.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    """Export, and say how the result was proven."""
    from deploy.folders import read_class_list
    from train.confidence.fit import Settings
    from train.crossvalidate import finished_folds
    from train.estimate import read_estimate
    from train.export.confidence import Asked
    from train.export.export import export_run

    folds = tuple(fold.root for fold in finished_folds(args.folds)) if args.folds else ()
    classes = read_class_list(args.classes) if args.classes else None
    settings = Settings(asked_for(args), args.most)
    proof = export_run(
        args.run_folder,
        args.bundle,
        version=args.version,
        checkpoint=args.checkpoint,
        asked=Asked(classes, args.others, settings, shown, folds),
        estimate=read_estimate(args.estimate) if args.estimate else None,
    )
    print(
        f"{args.bundle}: on {proof.pictures} validation pictures ONNX Runtime and torch agree to "
        f"{proof.gap:.1e} in every logit; top-1 {proof.top1:.1%}. "
        f"Next: gemscan calibrate {args.bundle} --images DIR"
    )
    return 0
