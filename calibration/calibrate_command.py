"""`gemscan calibrate`: add an INT8 model to a bundle."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.arguments import add_threads, number
from deploy.progress import picture_progress, shown

if TYPE_CHECKING:
    from calibration.calibrate import Calibrated
    from deploy.bundle import Bundle

COMPARED = 256  # unseen pictures that the two models are compared on at the end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan calibrate`."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="holds a float32 model")
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        metavar="DIR",
        help="photographs, in one folder per class or all in one",
    )
    parser.add_argument(
        "--count",
        type=number(1, 1_000_000),
        default=128,
        metavar="N",
        help="pictures (default %(default)s)",
    )
    parser.add_argument(
        "--method",
        choices=("percentile", "entropy", "minmax"),
        default="percentile",
        help="how a range is chosen from the values seen (default %(default)s: 99.99)",
    )
    parser.add_argument(
        "--keep-images", action="store_true", help="put the pictures' squares into the bundle"
    )
    parser.add_argument(
        "--int8-only",
        action="store_true",
        help="leave float32 out in the end: a quarter of the size, and no further calibration",
    )
    add_threads(parser)
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="chooses the pictures (default 0)"
    )
    parser.set_defaults(run=run_calibrate)


def run_calibrate(args: argparse.Namespace) -> int:
    """Calibrate, then say how far INT8 agrees with float32 on pictures it has not seen."""
    from calibration.calibrate import Settings, calibrate_bundle, drop_float32
    from deploy.bundle import load_bundle, refuse_file

    # Resolved: "." and what is relative to it are other folders once the bundle is replaced.
    path, images = args.bundle.resolve(), args.images.resolve()
    refuse_file(path)
    settings = Settings(args.count, args.method, args.keep_images, args.threads, args.seed)
    bar = partial(shown, title="measuring ranges")
    done = calibrate_bundle(load_bundle(path), images, settings, progress=bar)
    print(_what_was_done(path, args.method, done))
    print(_agreement(load_bundle(path), images, args.seed))
    if args.int8_only:
        drop_float32(load_bundle(path))
    return 0


def _what_was_done(path: Path, method: str, done: Calibrated) -> str:
    golden = (
        "no golden pictures to check it with"
        if done.golden_tolerance is None
        else f"golden logits may stray by {done.golden_tolerance:g}"
    )
    return (
        f"{path}: model.int8.onnx written, {done.size_bytes / 1e6:.1f} MB; {done.ranges} ranges by "
        f"{method} from {done.pictures} pictures of {done.classes} classes; TensorRT's rules hold "
        f"on the written graph; {golden}."
    )


def _agreement(bundle: Bundle, images: Path, seed: int) -> str:
    """float32 against INT8, in words, on pictures that did not choose the ranges."""
    from calibration.pictures import unseen_pictures
    from deploy.backends import open_backend
    from deploy.errors import DataError
    from deploy.evaluation.compare import compare_pictures
    from deploy.evaluation.reference import open_reference

    try:
        pictures = unseen_pictures(bundle, images, COMPARED, seed=seed)
        if not pictures:
            return "float32 and INT8 were not compared: every picture served for calibration."
        with (
            open_reference(bundle) as fp32,
            open_backend(bundle, "onnx-cpu", "int8") as int8,
            picture_progress(len(pictures)) as progress,
        ):
            return compare_pictures(bundle, pictures, fp32, int8, progress=progress).summary()
    except DataError as exc:  # the bundle is written: a picture less is no failure
        return f"float32 and INT8 were not compared: {exc}"
