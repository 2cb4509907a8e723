"""`gemscan evaluate`: score a bundle on labelled photographs."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.arguments import add_threads
from deploy.progress import picture_progress

if TYPE_CHECKING:
    from deploy.bundle import Bundle
    from deploy.evaluation.evaluate import Evaluation
    from deploy.folders import LabelledPicture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan evaluate`."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="model bundle, folder or zip")
    parser.add_argument("folder", type=Path, metavar="DIR", help="one folder of pictures per class")
    parser.add_argument(
        "--backend", default="auto", help="auto, onnx-cpu, tensorrt (see: gemscan doctor)"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "int8", "fp16", "fp32"),
        default="auto",
        help="auto (default) takes int8 where the bundle has it",
    )
    add_threads(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every number there")
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="also write a page; with --precision auto of every model that the bundle holds",
    )
    parser.add_argument(
        "--save", action="store_true", help="write the scores into the bundle's metrics"
    )
    parser.set_defaults(run=run_evaluate)


def run_evaluate(args: argparse.Namespace) -> int:
    """Evaluate, print, and save what was asked for."""
    from deploy.bundle import load_bundle, refuse_file
    from deploy.files import write_json
    from deploy.folders import find_labelled
    from deploy.report.evaluated import write_evaluation
    from deploy.report.page import require_libraries

    path = args.bundle.resolve()  # ".", say, is another folder once the bundle is replaced
    if args.save:
        refuse_file(path)
    if args.html:
        require_libraries()
    bundle = load_bundle(path)
    pictures = find_labelled(args.folder)
    evaluations = [evaluate_with(args, bundle, pictures, args.precision)]
    evaluation = evaluations[0]
    print(report(evaluation))
    if args.json:
        write_json(args.json, evaluation.to_json())
    if args.save:
        save_metrics(path, bundle, evaluation, args.folder.resolve().name)
    if args.html:
        if args.precision == "auto":
            # float32 first: the page compares with the second of them.
            others = [p for p in reversed(bundle.precisions) if p != evaluation.precision]
            evaluations += [evaluate_with(args, bundle, pictures, other) for other in others]
        write_evaluation(args.html, bundle, evaluations, args.folder)
        print(f"page        {args.html}")
    return 0


def evaluate_with(
    args: argparse.Namespace, bundle: Bundle, pictures: Sequence[LabelledPicture], precision: str
) -> Evaluation:
    """Evaluate one of the bundle's models, with a progress bar."""
    from deploy.backends import open_backend
    from deploy.evaluation.evaluate import evaluate

    with (
        open_backend(bundle, args.backend, precision, threads=args.threads) as backend,
        picture_progress(len(pictures)) as progress,
    ):
        return evaluate(bundle, backend, pictures, progress=progress)


def save_metrics(path: Path, bundle: Bundle, evaluation: Evaluation, pictures: str) -> None:
    """Add the summary to `metrics["evaluation"]`, newest last. Models stay as they are."""
    from deploy.bundle import edit_bundle

    entry = {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "pictures": pictures,
        **evaluation.summary_json(),
    }
    entry["unreadable"] = len(evaluation.unreadable)
    earlier = bundle.manifest.metrics.get("evaluation", [])
    metrics = {**bundle.manifest.metrics, "evaluation": [*earlier, entry]}
    with edit_bundle(path, start_from=bundle) as draft:
        draft.manifest = dataclasses.replace(bundle.manifest, metrics=metrics)


def report(evaluation: Evaluation) -> str:
    """The scores as the command prints them."""
    parts = [
        *_class_table(evaluation),
        "",
        f"all known   {evaluation.overall}",
        *_origins(evaluation),
        f"decision    {evaluation.decided}",
        *_chose(evaluation),
        *_unknown(evaluation),
        *_unreadable(evaluation),
        f"speed       {evaluation.images_per_s:.1f} pictures/s, files read and prepared included "
        f"({evaluation.backend} {evaluation.precision})",
    ]
    return "\n".join(parts)


def _class_table(evaluation: Evaluation) -> list[str]:
    rows = evaluation.per_class
    if not rows:
        return ["no picture is of a class that the bundle knows"]
    width = max(len("class"), *(len(row.label) for row in rows))
    table = [f"{'class':<{width}}  {'n':>5}  {'top-1':>7}  most often mistaken for"]
    for row in rows:
        mistaken = f"{row.mistaken_for} ({row.mistaken_n})" if row.mistaken_n else ""
        line = f"{row.label:<{width}}  {row.n:>5}  {row.top1:>7.1%}  {mistaken}"
        table.append(line.rstrip())
    return table


def _origins(evaluation: Evaluation) -> list[str]:
    """Scores by what the pictures were used for before, where the bundle knows."""
    seen, validation = evaluation.seen, evaluation.validation
    lines = []
    if seen.n or validation.n:
        lines.append(f"unseen      {evaluation.unseen}")
    if validation.n:
        lines.append(f"validation  {validation}: these validated it while it learned")
    if seen.n:
        lines += [
            f"trained on  {seen}",
            f"warning: the model was trained on {seen.n} of these pictures. What it knows of "
            "them says nothing about new stones; read the line “unseen”.",
        ]
    if evaluation.n_calibration:
        lines.append(f"calibrated  {evaluation.n_calibration} of these chose the INT8 ranges")
    return lines


def _chose(evaluation: Evaluation) -> list[str]:
    if not evaluation.n_chose:
        return []
    return [f"            {evaluation.n_chose} of these chose the thresholds, which flatters it"]


def _unknown(evaluation: Evaluation) -> list[str]:
    decided = evaluation.decided_unknown
    if not decided.n:
        return []
    classes = sorted({p.label for p in evaluation.unknown})
    return [
        f"unknown     {decided.n} pictures of classes that the bundle does not know "
        f"({_first(classes)}): refers {decided.referred:.1%}, wrongly names {decided.named:.1%}, "
        f"lists {decided.listed:.1%}{_auroc(evaluation)}{_served(evaluation)}"
    ]


def _auroc(evaluation: Evaluation) -> str:
    """How well familiarity tells known from unknown; nothing where it was not measured."""
    area = evaluation.familiar_auroc
    return "" if area != area else f"; familiarity tells them from known ones with AUROC {area:.3f}"


def _served(evaluation: Evaluation) -> str:
    from deploy.evaluation.evaluate import served

    said = served(evaluation.n_taught_unknown, evaluation.n_fitted)
    return f"; {said}" if said else ""


def _unreadable(evaluation: Evaluation) -> list[str]:
    n = len(evaluation.unreadable)
    return [f"unreadable  {n} left out: {_first(evaluation.unreadable)}"] if n else []


def _first(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if names[most:] else "")
