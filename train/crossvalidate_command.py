"""`gemscan crossvalidate`: estimate what a recipe gets on stones that it never saw."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.arguments import number

if TYPE_CHECKING:
    from deploy.arrays import Json
    from train.crossvalidate import Fold


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan crossvalidate`."""
    parser.add_argument("data", type=Path, metavar="DATA", help="folder with a folder per class")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="where the runs go")
    parser.add_argument(
        "--classes", type=Path, metavar="FILE", help="classes, one a line, in order"
    )
    parser.add_argument(
        "--folds", type=number(2, 100), default=5, metavar="K", help="how many (default 5)"
    )
    parser.add_argument("--seed", type=number(0, 2**32 - 1), default=0, help="of the folds")
    parser.add_argument(
        "--after",
        type=Path,
        metavar="DIR",
        help="a second stage: keep the folds of an earlier cross-validation, and start each from "
        "the weights of its own",
    )
    parser.add_argument(
        "--train",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="FLAG",
        help="everything after this goes to `gemscan train`: --train --size 224 --epochs 80",
    )
    parser.set_defaults(run=run_crossvalidate)


def run_crossvalidate(args: argparse.Namespace) -> int:
    """Train all folds, one after the other; what is finished is not done again."""
    from deploy.files import write_json
    from train.crossvalidate import check_begun, check_untaught, estimate, train_fold
    from train.estimate import ESTIMATE

    flags = [*(["--classes", str(args.classes)] if args.classes else []), *args.train]
    folds = [(fold, [*fold.flags, *flags]) for fold in _folds(args)]
    for fold, flags in folds:
        check_begun(args.data, fold, flags)
        check_untaught(args.data, fold, flags)
    for fold, flags in folds:
        print(f"{fold.root.name} of {len(folds)}", flush=True)
        train_fold(args.data, fold, flags)
    found = estimate([fold for fold, _ in folds])
    write_json(args.out / ESTIMATE, found)
    print(_summary(found))
    print(f"{args.out / ESTIMATE}: for gemscan export --folds {args.out}")
    return 0


def _folds(args: argparse.Namespace) -> list[Fold]:
    from deploy.folders import read_class_list
    from deploy.progress import reading
    from train.crossvalidate import plan_folds, plan_second_stage

    classes = read_class_list(args.classes) if args.classes else None
    if args.after is not None:
        return plan_second_stage(args.after, args.out, classes=classes)
    dealt = {"count": args.folds, "seed": args.seed}
    return plan_folds(args.data, args.out, classes=classes, **dealt, progress=reading)


def _summary(found: Json) -> str:
    low, high = found["top1_interval_95"]
    folds = ", ".join(f"{fold['right'] / fold['n']:.1%}" for fold in found["folds"])
    return (
        f"top-1 {found['top1']:.2%} of {found['n']} pictures "
        f"(95 % interval {low:.2%} to {high:.2%}); folds: {folds}"
    )
