"""`gemscan build`: make the bundle's TensorRT engine on the device that will run it.

It stands in this package because it brings TensorRT's calibrator to the builder of `deploy`, which
knows nothing of calibration.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.arguments import number

if TYPE_CHECKING:
    from deploy.arrays import Json
    from deploy.bundle import Bundle
    from deploy.engine.contest import Contest, Entry
    from deploy.folders import LabelledPicture

SCORED = 512  # photographs at most, so that a folder of thousands does not take an hour


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan build`."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="model bundle, folder or zip")
    parser.add_argument(
        "--precision",
        choices=("auto", "int8", "fp16", "fp32"),
        default="auto",
        help="auto (default) builds INT8 and FP16 and keeps the fastest that is right",
    )
    parser.add_argument(
        "--int8",
        choices=("auto", "qdq", "calibrator"),
        default="auto",
        help="where INT8 ranges come from: the bundle's Q/DQ nodes, TensorRT's own calibrator "
        "(below TensorRT 11, needs photographs), or auto (default): both are tried",
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="photographs, in one folder per class: to score on, and for the calibrator",
    )
    parser.add_argument(
        "--workspace-mb",
        type=number(16, 1 << 20),
        metavar="N",
        help="memory for kernels (default: a quarter of what is free, at most 1024)",
    )
    parser.add_argument(
        "--timing-cache", type=Path, metavar="FILE", help="makes the next build faster"
    )
    parser.add_argument("--force", action="store_true", help="build again what is kept already")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every number there")
    parser.set_defaults(run=run_build)


def run_build(args: argparse.Namespace) -> int:
    """Build, score, print the table. 1: no engine is right enough; 2: there is none at all."""
    from deploy.bundle import load_bundle
    from deploy.engine.contest import hold_contest, recipes_for
    from deploy.engine.make import BuildSettings, device_keys
    from deploy.engine.store import EngineStore
    from deploy.files import write_json
    from deploy.progress import picture_progress

    bundle = load_bundle(args.bundle)
    pictures = _pictures(bundle, args.images)
    settings = BuildSettings(
        args.workspace_mb, args.timing_cache, args.images, module="calibration.engine_child"
    )
    contest = hold_contest(
        bundle,
        EngineStore(device_keys(bundle)),
        recipes_for(args.precision, args.int8),
        settings,
        pictures,
        fresh=args.force,
        progress=picture_progress,
    )
    print_contest(contest)
    if args.json:
        write_json(args.json, _to_json(contest))
    if not contest.built:
        return 2
    return 0 if contest.winner else 1


def _pictures(bundle: Bundle, images: Path | None) -> list[LabelledPicture]:
    """What engines are scored on: photographs that chose no range, where there are any.

    Raises:
        DataError: every picture of the folder chose ranges.
    """
    from calibration.pictures import unseen_pictures
    from deploy.errors import DataError

    if images is None:
        return []
    pictures = unseen_pictures(bundle, images, SCORED)
    if not pictures:
        raise DataError(
            f"every picture of {images} served for calibration: none is left to score on. Give a "
            "folder with others, or leave --images out."
        )
    return pictures


def print_contest(contest: Contest) -> None:
    """The table that shows what was kept and why, and a line for each that was not."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print(_table(contest))
    for entry in contest.entries:
        for reason in _reasons(entry):
            console.print(f"{entry.recipe.name}: {reason}", markup=False)
    console.print(LEGEND, markup=False)
    console.print(_ending(contest), markup=False)


def _table(contest: Contest) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for heading in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for entry in contest.entries:
        table.add_row(entry.recipe.name, *_numbers(entry), _state(contest, entry))
    return table


LEGEND = (
    "Medians: the engine alone on the GPU, and a picture from memory to logits. Gap: the largest "
    "difference of a logit on the golden pictures. Agreement and loss, in points: against float32."
)
COLUMNS = ("engine\nms", "picture\nms", "golden\ngap", "agreement", "top-1\nloss")


def _numbers(entry: Entry) -> list[str]:
    record = entry.engine.record if entry.engine else None
    if record is None or record.scores is None or record.timing is None:
        return ["-"] * len(COLUMNS)
    scores, timing = record.scores, record.timing
    return [
        f"{timing.engine_p50_ms:.2f}",
        f"{timing.picture_p50_ms:.2f}",
        "-" if scores.golden_gap is None else f"{scores.golden_gap:.3f}",
        "-" if scores.agreement is None else f"{scores.agreement:.1%} of {scores.n}",
        "-" if scores.loss is None else f"{100 * scores.loss:+.2f}",
    ]


def _state(contest: Contest, entry: Entry) -> str:
    if entry.engine is None:
        return "not built"
    if entry is contest.winner:
        return "kept"
    return "right, slower" if entry.passed else "not right"


def _reasons(entry: Entry) -> list[str]:
    from deploy.engine.record import Scores

    if entry.engine is None:
        return [entry.problem]
    scores = entry.engine.record.scores or Scores()
    reasons = list(scores.failures)
    if scores.n_calibration:
        reasons.append(f"{scores.n_calibration} of the pictures it was scored on calibrated it")
    if entry.kept:
        reasons.append("was built before; --force builds it again")
    return reasons


def _ending(contest: Contest) -> str:
    winner = contest.winner
    if not contest.built:
        return "There is no engine; --backend onnx-cpu needs none."
    if winner is None or winner.engine is None:
        return "No engine is right enough to be used; --backend onnx-cpu still is."
    return f"{winner.recipe.name} will run: {winner.engine.path}"


def _to_json(contest: Contest) -> Json:
    from dataclasses import asdict

    from deploy.files import without_nan

    entries = {
        entry.recipe.name: without_nan(asdict(entry.engine.record))
        if entry.engine
        else {"problem": entry.problem}
        for entry in contest.entries
    }
    winner = contest.winner
    return {"winner": winner.recipe.name if winner else None, "engines": entries}
