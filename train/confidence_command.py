"""`gemscan confidence`: choose anew when a bundle names, lists and refers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.arguments import add_threads, number, share

if TYPE_CHECKING:
    from deploy.decision import Decision
    from train.confidence.fit import Confidence
    from train.confidence.measure import Fate, Measured
    from train.confidence.thresholds import Asked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The bundle, the pictures, and what is asked of the decision."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle")
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        action="append",
        metavar="DIR",
        help="one folder of pictures per class, those that taught the model and others; may be "
        "given again",
    )
    parser.add_argument(
        "--others",
        type=Path,
        metavar="DIR",
        help="the same with kinds that the model is not to know; makes it refer more of them",
    )
    parser.add_argument(
        "--extra",
        type=Path,
        metavar="DIR",
        help="the same with pictures that only teach, as `gemscan train --extra` had them",
    )
    add_targets(parser)
    add_threads(parser)
    parser.add_argument("--dry-run", action="store_true", help="measure and print, write nothing")
    parser.set_defaults(run=run_confidence)


def add_targets(parser: argparse.ArgumentParser) -> None:
    """What is asked of the decision: `export` asks the same."""
    for flag, default, wanted in (
        ("--named-right", 0.98, "of the stones that are named, the share to be named right"),
        ("--listed-right", 0.95, "of the short lists, the share to hold the right name"),
        ("--known-kept", 0.9, "of the stones of known kinds, the share to pass as familiar"),
    ):
        parser.add_argument(
            flag,
            type=share(0.5, below_1=True),
            default=default,
            metavar="P",
            help=f"{wanted} (default %(default)s)",
        )
    parser.add_argument(
        "--most",
        type=number(1, 100_000),
        default=40,
        metavar="N",
        help="pictures of one kind that are looked at (default %(default)s)",
    )


def asked_for(args: argparse.Namespace) -> Asked:
    """What the flags of `add_targets` say."""
    from train.confidence.thresholds import Asked

    return Asked(args.named_right, args.listed_right, args.known_kept)


def run_confidence(args: argparse.Namespace) -> int:
    """Look, fit, print, and write unless that was not wanted."""
    from deploy.bundle import edit_bundle, load_bundle, refuse_file
    from deploy.evaluation.reference import open_reference
    from deploy.golden.ways import renew_golden_familiarity
    from deploy.progress import shown
    from train.confidence.apply import digests, knew, put_in, write_used
    from train.confidence.collect import find_sides
    from train.confidence.fit import Settings, fit_confidence, look_around

    path = args.bundle.resolve()  # ".", say, is another folder once the bundle is replaced
    refuse_file(path)
    bundle = load_bundle(path)
    settings = Settings(asked_for(args), args.most)
    sides = find_sides(
        bundle, args.images, others=args.others, extra=args.extra, most=settings.most
    )
    with open_reference(bundle, threads=args.threads) as backend:
        looked = look_around(bundle, backend, sides, shown)
        precision = backend.precision
    fitted = fit_confidence(looked, bundle.labels, settings)
    print(table(bundle.manifest.decision, fitted))
    if args.dry_run:
        print(f"{path} stays as it is.")
        return 0
    with edit_bundle(path, start_from=bundle) as draft:
        taught = bundle.read_json("training.json").get("training", ())
        put_in(draft, fitted, looked, settings, precision, knew_others=knew(taught, sides))
        write_used(draft.root, digests(sides.judging), digests(sides.others))
        renew_golden_familiarity(draft.as_bundle())
    print(f"{path}: decision and familiarity written; the models are as they were.")
    return 0


def table(before: Decision, fitted: Confidence) -> str:
    """The thresholds before and after, and what was measured of the new ones."""
    from dataclasses import asdict

    old, new = asdict(before), asdict(fitted.decision)
    rows = [f"{'':18}{'before':>10}{'now':>10}"]
    rows += [f"{name:18}{_short(old[name]):>10}{_short(new[name]):>10}" for name in new]
    measured = fitted.measured
    rows += ["", "stones of known kinds, by thresholds that other pictures chose"]
    rows += _fate_lines(measured.known)
    if measured.unknown is None:
        return "\n".join([*rows, "", f"unknown kinds      not measured: {_why_not(measured)}"])
    rows += ["", f"stones of {measured.kinds} other kinds, each by a fit without its kind"]
    rows += _fate_lines(measured.unknown)[:3]
    return "\n".join(
        [
            *rows,
            f"  AUROC     {measured.auroc:.3f} (95 % interval {measured.auroc_low:.3f} to "
            f"{measured.auroc_high:.3f}); of the confidence alone "
            f"{measured.auroc_confidence:.3f}",
        ]
    )


def _why_not(measured: Measured) -> str:
    from train.confidence.measure import FOLDS

    if not measured.kinds:
        return "give --others DIR"
    return f"that takes {FOLDS} other kinds, and --others holds {measured.kinds}"


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _fate_lines(fate: Fate) -> list[str]:
    return [
        f"  named     {fate.named}",
        f"  listed    {fate.listed}",
        f"  referred  {fate.referred}",
        f"  of the named are right  {fate.named_right}",
        f"  of the lists hold it    {fate.listed_right}",
    ]
