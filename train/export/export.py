"""A training run becomes a bundle."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray, FloatArray, Json
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle, BundleDraft, edit_bundle
from deploy.errors import DataError
from deploy.evaluate_scores import wilson_interval
from deploy.files import storage_errors, write_json
from deploy.folders import LabelledPicture
from deploy.golden import Golden, golden_batch, infer_one_by_one, largest_gap, write_golden
from deploy.golden_familiarity import add_golden_familiarity
from deploy.golden_ways import MOVED, hear, moved
from deploy.preprocess import Framing, frame_box
from deploy.render import render_stone
from train.data.pictures import read_squares
from train.export.confidence import Asked, add_confidence, add_thresholds
from train.export.onnx_file import prove_same
from train.export.trained import TrainedRun, read_run
from train.settings import LOWEST_LOSS

logger = logging.getLogger(__name__)
GOLDEN_PICTURES = 6
GOLDEN_PX = 288
GOLDEN_TRIES = 10


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
    trained = read_run(run, checkpoint)
    same = trained.validation()
    squares, targets = _squares(trained, same)
    with edit_bundle(out) as draft:
        trained.begin(draft, out.resolve().name, version)
        logits = _onnx_logits(draft.as_bundle(), squares)
        gap = prove_same(logits, trained.model, squares)
        top1 = float((logits.argmax(1) == targets).mean())
        draft.manifest = replace(
            draft.require_manifest(),
            metrics={
                "validation": _metrics(logits, targets, trained),
                **({"cross_validation": estimate} if estimate else {}),
            },
        )
        _add_decision(draft, trained, same, (logits, targets), asked or Asked())
        _write_golden(draft, trained.labels, trained.framing)
        write_json(draft.root / "training.json", _training_record(trained))
    return Proof(len(targets), gap, top1)


def _squares(
    run: TrainedRun, pictures: Sequence[LabelledPicture]
) -> tuple[ByteArray, np.ndarray[Any, np.dtype[np.int64]]]:
    """The squares and class numbers of those that can be read."""
    squares = read_squares(pictures, run.size_px, run.framing)
    targets = np.array([run.labels.index(picture.label) for picture in squares.pictures])
    return squares.pixels, targets


def _add_decision(
    draft: BundleDraft,
    run: TrainedRun,
    judging: Sequence[LabelledPicture],
    judged: tuple[FloatArray, np.ndarray[Any, np.dtype[np.int64]]],
    asked: Asked,
) -> None:
    """Familiarity and thresholds where each label has pictures that taught it, else thresholds."""
    teaching = run.teaching()
    if {picture.label for picture in teaching} >= set(run.labels):
        add_confidence(draft, teaching, judging, asked)
    elif asked.folds:
        raise DataError("the pictures that taught the model are gone: --folds needs them.")
    else:
        add_thresholds(draft, *judged, asked.settings)


def _onnx_logits(bundle: Bundle, squares: ByteArray) -> FloatArray:
    with OnnxCpuBackend(bundle, "fp32") as backend:
        return infer_one_by_one(backend, squares).logits


def _metrics(logits: FloatArray, targets: np.ndarray[Any, Any], run: TrainedRun) -> Json:
    ranked = np.argsort(-logits, axis=1)[:, :5] == targets[:, None]
    right = int(ranked[:, 0].sum())
    return {
        "n": len(targets),
        "top1": right / len(targets),
        "top1_interval_95": list(wilson_interval(right, len(targets))),
        "top5": float(ranked.any(axis=1).mean()),
        "precision": "fp32",
        "note": _note(run),
    }


def _note(run: TrainedRun) -> str:
    settings = run.settings["settings"]
    split = "grouped split"
    if settings.get("enlarge"):
        split = (
            "copies of one photograph stand on both sides of the split, which flatters this much"
        )
    if run.checkpoint == "last":
        return (
            f"{split}; the last of {len(run.history)} epochs; the thresholds were chosen on "
            "these same pictures, which flatters them slightly"
        )
    rule = "loss" if settings.get("best_by", LOWEST_LOSS) == LOWEST_LOSS else "error"
    return (
        f"{split}; the epoch was chosen among {len(run.history)} by the {rule} on these same "
        "pictures, and the thresholds on them too, which flatters both slightly"
    )


def _write_golden(draft: BundleDraft, labels: tuple[str, ...], framing: Framing) -> None:
    """Drawn stones, so that no photograph travels with a bundle."""
    folder = draft.root / "golden"
    with storage_errors(folder):
        folder.mkdir(exist_ok=True)
    chosen = labels[:: max(1, len(labels) // GOLDEN_PICTURES)][:GOLDEN_PICTURES]
    names = tuple(f"{number}.png" for number in range(len(chosen)))
    for name, label in zip(names, chosen, strict=True):
        _write_png(folder / name, _golden_picture(label, framing))
    bundle = draft.as_bundle()
    heard = hear(bundle, "fp32", golden_batch(bundle, Golden(names, {}, {}, "")))
    logits = heard.expected.logits
    tolerance = round(max(0.05, 4 * largest_gap(heard.others[MOVED].logits, logits)), 3)
    why = (
        "fp32: four times the largest change seen when every pixel moves by one level at random, "
        "as another OpenCV's resizing may do, and at least 0.05."
    )
    write_golden(draft.root, Golden(names, {"fp32": logits.tolist()}, {"fp32": tolerance}, why))
    add_golden_familiarity(draft.as_bundle(), {"fp32": heard})


def _golden_picture(label: str, framing: Framing) -> ByteArray:
    """A drawn stone whose square does not hang on how another OpenCV rounds."""
    for seed in range(len(label), len(label) + GOLDEN_TRIES):
        picture = render_stone(label, np.random.default_rng(seed), GOLDEN_PX)
        if _steady(picture, framing):
            break
    return picture


def _steady(picture: ByteArray, framing: Framing) -> bool:
    """Whether the square stays when every pixel moves by at most one level."""
    box = frame_box(picture, framing)
    others = (moved(picture, seed) for seed in range(GOLDEN_TRIES))
    return all(frame_box(other, framing) == box for other in others)


def _write_png(path: Path, picture_bgr: ByteArray) -> None:
    with storage_errors(path):
        path.write_bytes(cv2.imencode(".png", picture_bgr)[1].tobytes())


def _training_record(run: TrainedRun) -> Json:
    return {
        "settings": run.settings_to_tell(),
        "training": list(run.training),
        "validation": [picture["digest"] for picture in run.split["validation"]],
        "history": run.history,
    }
