"""`gemscan compare`: check that a backend agrees with the float32 model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.arguments import share
from deploy.evaluation.limits import MAX_LOSS, MIN_AGREEMENT

if TYPE_CHECKING:
    from deploy.arrays import Json
    from deploy.evaluation.compare import Comparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan compare`."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="model bundle, folder or zip")
    parser.add_argument("folder", type=Path, metavar="DIR", help="one folder of pictures per class")
    parser.add_argument(
        "--backend",
        default="onnx-cpu",
        help="what runs the model that is checked: auto, onnx-cpu, tensorrt (default %(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "int8", "fp16", "fp32"),
        default="int8",
        help="which model is checked (default %(default)s); the other is float32 on the CPU",
    )
    parser.add_argument(
        "--min-agreement",
        type=share(),
        default=MIN_AGREEMENT,
        metavar="SHARE",
        help="least part of the pictures with the same label (default %(default)s)",
    )
    parser.add_argument(
        "--max-loss",
        type=share(),
        default=MAX_LOSS,
        metavar="SHARE",
        help="greatest loss of top-1 accuracy (default %(default)s, half a point)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every number there")
    parser.set_defaults(run=run_compare)


def run_compare(args: argparse.Namespace) -> int:
    """Compare and print; 1 when a limit is not held."""
    from deploy.backends import open_backend
    from deploy.bundle import load_bundle
    from deploy.evaluation.compare import compare_pictures
    from deploy.evaluation.reference import open_reference
    from deploy.files import write_json
    from deploy.folders import find_labelled
    from deploy.progress import picture_progress

    bundle = load_bundle(args.bundle)
    pictures = find_labelled(args.folder)
    with (
        open_backend(bundle, args.backend, args.precision) as candidate,
        open_reference(bundle) as reference,
        picture_progress(len(pictures)) as progress,
    ):
        comparison = compare_pictures(bundle, pictures, reference, candidate, progress=progress)
    failures = comparison.failures(args.min_agreement, args.max_loss)
    print(comparison.summary())
    print("\n".join(f"failed: {failure}" for failure in failures) or "passed")
    if args.json:
        write_json(args.json, _to_json(comparison, failures))
    return 1 if failures else 0


def _to_json(comparison: Comparison, failures: list[str]) -> Json:
    from dataclasses import asdict

    from deploy.files import without_nan

    numbers: Json = without_nan({**asdict(comparison), "loss": comparison.loss})
    return {**numbers, "passed": not failures, "failures": failures}
