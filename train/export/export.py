"""A training run becomes a bundle."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deploy.arrays import ByteArray, FloatArray, Json
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle, BundleDraft, edit_bundle
from deploy.errors import DataError
from deploy.evaluation.scores import wilson_interval
from deploy.files import write_json
from deploy.golden.golden import infer_one_by_one
from train.confidence.judged import Judged
from train.data.pictures import read_squares
from train.estimate import held_against, recipe_of
from train.export.confidence import Asked, add_confidence, add_thresholds, estimate_of, judge_folds
from train.export.golden import draw_golden
from train.export.onnx_file import prove_same
from train.export.trained import TrainedRun, read_run
from train.settings import LOWEST_LOSS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proof:
    """What was seen while exporting: the picture count, the gap to torch, and the accuracy."""

    pictures: int
    gap: float
    top1: float


def export_run(
    run: Path,
    out: Path,
    *,
    version: str = "1",
    checkpoint: str = "best",
    asked: Asked | None = None,
    estimate: Json | None = None,
) -> Proof:
    """Write the bundle of a run: the float32 model, its proof, thresholds and golden pictures.

    Args:
        run: what `gemscan train` wrote.
        out: the bundle's folder; a bundle that is there is replaced.
        checkpoint: "best" or "last".
        asked: of the decision, and what to fit familiarity with.
        estimate: of the recipe's accuracy (`train.crossvalidate`), to travel in the bundle.

    Raises:
        DataError: the run is incomplete, or its validation pictures are gone.
        ExportError: ONNX Runtime and torch disagree.
        StorageError: the bundle cannot be written.
    """
    asked = asked or Asked()
    trained = read_run(run, checkpoint).narrowed_to(asked.classes)
    squares, targets = _squares(trained)
    folds = judge_folds(trained.labels, asked)
    with edit_bundle(out) as draft:
        trained.begin(draft, out.resolve().name, version)
        logits = _onnx_logits(draft.as_bundle(), squares)
        gap = prove_same(logits, trained.model, squares)
        top1 = float((logits.argmax(1) == targets).mean())
        metrics = {"validation": _metrics(logits, targets, trained, by_folds=bool(folds))}
        if estimate or folds:
            metrics["cross_validation"] = _held(estimate or estimate_of(folds, asked), run)
        draft.manifest = replace(draft.require_manifest(), metrics=metrics)
        _add_decision(draft, trained, (logits, targets), asked, folds)
        draw_golden(draft)
        write_json(draft.root / "training.json", _training_record(trained))
    return Proof(len(targets), gap, top1)


def _squares(
    run: TrainedRun,
) -> tuple[ByteArray, np.ndarray[Any, np.dtype[np.int64]]]:
    """The squares and class numbers of the validation pictures that can be read."""
    squares = read_squares(run.validation, run.size_px, run.framing)
    targets = np.array([run.labels.index(picture.label) for picture in squares.pictures])
    return squares.pixels, targets


def _add_decision(
    draft: BundleDraft,
    run: TrainedRun,
    judged: tuple[FloatArray, np.ndarray[Any, np.dtype[np.int64]]],
    asked: Asked,
    folds: Sequence[Judged],
) -> None:
    """Familiarity and thresholds where each label has pictures that taught it, else thresholds."""
    if {picture.label for picture in run.teaching} >= set(run.labels):
        add_confidence(draft, run, asked, folds)
    elif folds:
        raise DataError("the pictures that taught the model are gone: --folds needs them.")
    else:
        add_thresholds(draft, run, *judged, asked.settings)


def _onnx_logits(bundle: Bundle, squares: ByteArray) -> FloatArray:
    with OnnxCpuBackend(bundle, "fp32") as backend:
        return infer_one_by_one(backend, squares).logits


def _metrics(
    logits: FloatArray, targets: np.ndarray[Any, Any], run: TrainedRun, *, by_folds: bool
) -> Json:
    ranked = np.argsort(-logits, axis=1)[:, :5] == targets[:, None]
    right = int(ranked[:, 0].sum())
    return {
        "n": len(targets),
        "top1": right / len(targets),
        "top1_interval_95": list(wilson_interval(right, len(targets))),
        "top5": float(ranked.any(axis=1).mean()),
        "precision": "fp32",
        "note": _note(run, by_folds),
    }


def _held(found: Json, run: Path) -> Json:
    """The estimate as the bundle carries it, with a warning where it is of another recipe."""
    held = held_against(found, recipe_of(run))
    if "note" in held:
        logger.warning("the estimate that travels in the bundle is %s", held["note"])
    return held


def _note(run: TrainedRun, by_folds: bool) -> str:
    """What flatters the accuracy on the validation pictures."""
    settings = run.settings["settings"]
    said = ["grouped split"]
    if settings.get("enlarge"):
        said = ["copies of one photograph stand on both sides of the split, which flatters much"]
    if run.checkpoint == "last":
        said.append(f"the last of {len(run.history)} epochs")
    else:
        rule = "loss" if settings.get("best_by", LOWEST_LOSS) == LOWEST_LOSS else "error"
        said.append(
            f"the epoch was chosen among {len(run.history)} by the {rule} on these same pictures, "
            "which flatters slightly"
        )
    if run.foreign:
        said.append("it was taught other classes too, which its head has lost again")
    if not by_folds:
        said.append("the thresholds were chosen on them too, which flatters what is named")
    return "; ".join(said)


def _training_record(run: TrainedRun) -> Json:
    return {
        "settings": run.settings_to_tell(),
        "training": list(run.training),
        "validation": [picture["digest"] for picture in run.split["validation"]],
        "history": run.history,
    }
