"""Confidence at export: fitted on the run's own pictures, as far as they are where they were."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray, Json
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import BundleDraft
from deploy.errors import DataError
from deploy.files import read_json
from train.confidence.apply import digests, knew, put_in, write_used
from train.confidence.collect import Progress, Sides, find_unknown, some
from train.confidence.fit import Looked, Settings, fit_confidence, fit_with, look_around
from train.confidence.judged import Judged, judge
from train.confidence.rows import joined
from train.confidence.thresholds import choose_decision
from train.estimate import FoldScore, pool, recipe_of
from train.export.trained import WHOLE, TrainedRun, read_run
from train.run.folder import SPLIT

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What export is asked for.

    classes: of the run's classes, those that the bundle is to know, in order; None takes all.
    others: a folder of class folders of kinds that the model is not to know, beside those of the
        run's classes that it is not to know.
    folds: run folders of a cross-validation of the same recipe, to choose thresholds on all of
        its pictures in place of the run's own validation pictures.
    """

    classes: tuple[str, ...] | None = None
    others: Path | None = None
    settings: Settings = field(default_factory=Settings)
    progress: Progress = lambda items, title: items
    folds: tuple[Path, ...] = ()


def add_confidence(
    draft: BundleDraft, run: TrainedRun, asked: Asked, folds: Sequence[Judged] = ()
) -> None:
    """Fit familiarity and thresholds and put them into a bundle that is being made.

    Args:
        run: whose validation pictures choose the thresholds where there are no folds.
        folds: of `judge_folds`.

    Raises:
        DataError: the folder of others cannot be read.
        StorageError: the bundle cannot be written.
    """
    sides = _sides(run, asked)
    looked = _look(draft, sides, asked)
    judged = joined(folds) if folds else None
    fitted = fit_confidence(looked, run.labels, asked.settings, judged)
    knew_others = knew(run.training, sides)
    put_in(draft, fitted, looked, asked.settings, "fp32", knew_others=knew_others)
    write_used(draft.root, _judging(run, asked), digests(sides.others))


def _judging(run: TrainedRun, asked: Asked) -> list[str]:
    """Digests of the pictures that choose the thresholds: of all folds, or the run's own."""
    if not asked.folds:
        return digests(run.validation)
    splits = [read_json(fold / SPLIT, DataError, WHOLE) for fold in asked.folds]
    listed = [picture for split in splits for picture in split["validation"]]
    return [picture["digest"] for picture in listed if picture["label"] in run.labels]


def judge_folds(labels: tuple[str, ...], asked: Asked) -> list[Judged]:
    """For each fold its pictures of these classes, as judged by the run that never saw them.

    Raises:
        DataError: a fold is incomplete, lacks a label, or its pictures are gone.
        StorageError: there is no room for its model.
    """
    return [_judge_fold(folder, labels, asked) for folder in asked.folds]


def estimate_of(folds: Sequence[Judged], asked: Asked) -> Json:
    """The pooled accuracy of folds, as `gemscan crossvalidate` gives it.

    Raises:
        SettingsError, DataError: the recipe of the folds cannot be read.
    """
    parts = [fold.where(fold.plain) for fold in folds]
    rights = [(part.logits.argmax(axis=1) == part.targets) for part in parts]
    scores = [FoldScore(len(right), int(right.sum())) for right in rights]
    return pool(scores, recipe_of(asked.folds[0]))


def _judge_fold(folder: Path, labels: tuple[str, ...], asked: Asked) -> Judged:
    run = read_run(folder, "last").narrowed_to(labels)
    if gone := sorted(set(labels) - {picture.label for picture in run.teaching}):
        raise DataError(
            f"the pictures of {', '.join(gone)} that taught {folder} are gone, or were saved anew. "
            "Put them back, or export without --folds."
        )
    with TemporaryDirectory(prefix="gemscan-fold-") as place:
        draft = BundleDraft(Path(place), None)
        run.begin(draft, folder.name, "1")
        looked = _look(draft, _sides(run, asked), asked)
    return judge(looked.judging, fit_with(looked, looked.others, labels), labels)


def _sides(run: TrainedRun, asked: Asked) -> Sides:
    most, seed = asked.settings.most, asked.settings.seed
    unknown = find_unknown(asked.others, run.labels) if asked.others is not None else []
    others = {picture.path.resolve(): picture for picture in (*run.others, *unknown)}
    return Sides(
        some(run.teaching, most, seed),
        run.validation,
        some(list(others.values()), most, seed),
        some(run.extra, most, seed),
    )


def _look(draft: BundleDraft, sides: Sides, asked: Asked) -> Looked:
    bundle = draft.as_bundle()
    with OnnxCpuBackend(bundle, "fp32") as backend:
        return look_around(bundle, backend, sides, asked.progress)


def add_thresholds(
    draft: BundleDraft,
    run: TrainedRun,
    logits: FloatArray,
    targets: npt.NDArray[np.int64],
    settings: Settings,
) -> None:
    """Thresholds alone, where the pictures that taught the model are gone."""
    logger.warning(
        "the pictures that taught the model are gone: the bundle will not notice stones of kinds "
        "that it does not know. Mend it with: gemscan confidence BUNDLE --images DIR"
    )
    decision = choose_decision(logits, targets, asked=settings.asked)
    draft.manifest = replace(draft.require_manifest(), decision=decision)
    write_used(draft.root, digests(run.validation), [])
