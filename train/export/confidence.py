"""Confidence at export: fitted on the run's own pictures, as far as they are where they were."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import BundleDraft
from deploy.errors import DataError
from deploy.folders import LabelledPicture
from train.confidence.apply import put_in, write_used
from train.confidence.collect import Progress, Sides, find_unknown, some
from train.confidence.fit import Looked, Settings, fit_confidence, fit_with, look_around
from train.confidence.judged import Judged, judge, pooled
from train.confidence.thresholds import choose_decision
from train.export.trained import TrainedRun, read_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What export is asked for.

    others: a folder of class folders of kinds that the model is not to know.
    folds: run folders of a cross-validation of the same recipe, to choose thresholds on all of
        its pictures in place of the run's own validation pictures.
    """

    others: Path | None = None
    settings: Settings = field(default_factory=Settings)
    progress: Progress = lambda items, title: items
    folds: tuple[Path, ...] = ()


def add_confidence(
    draft: BundleDraft,
    teaching: Sequence[LabelledPicture],
    judging: Sequence[LabelledPicture],
    asked: Asked,
) -> None:
    """Fit familiarity and thresholds and put them into a bundle that is being made.

    Raises:
        DataError: the folder of others cannot be read; a fold is incomplete, has other labels, or
            its pictures are gone.
        StorageError: the bundle cannot be written.
    """
    labels, settings = draft.require_manifest().labels, asked.settings
    sides = _sides(teaching, judging, labels, asked)
    looked = _look(draft, sides, asked)
    judged = _judge_folds(labels, asked) if asked.folds else None
    fitted = fit_confidence(looked, labels, settings, judged)
    put_in(draft, fitted, looked, settings, "fp32")
    write_used(draft.root, sides)


def _judge_folds(labels: tuple[str, ...], asked: Asked) -> Judged:
    """Every picture of a cross-validation, as judged by the run that never saw it."""
    return pooled(
        [_judge_fold(read_run(fold, "last"), fold, labels, asked) for fold in asked.folds]
    )


def _judge_fold(run: TrainedRun, folder: Path, labels: tuple[str, ...], asked: Asked) -> Judged:
    if run.labels != labels:
        raise DataError(f"{folder} has other labels, or in another order, than the run.")
    with TemporaryDirectory(prefix="gemscan-fold-") as place:
        draft = BundleDraft(Path(place), None)
        run.begin(draft, folder.name, "1")
        sides = _sides(run.teaching(), run.validation(), labels, asked)
        looked = _look(draft, sides, asked)
    return judge(looked.judging, fit_with(looked, looked.others, labels), labels)


def _sides(
    teaching: Sequence[LabelledPicture],
    judging: Sequence[LabelledPicture],
    labels: tuple[str, ...],
    asked: Asked,
) -> Sides:
    most, seed = asked.settings.most, asked.settings.seed
    unknown = find_unknown(asked.others, labels) if asked.others is not None else []
    return Sides(some(teaching, most, seed), list(judging), some(unknown, most, seed))


def _look(draft: BundleDraft, sides: Sides, asked: Asked) -> Looked:
    bundle = draft.as_bundle()
    with OnnxCpuBackend(bundle, "fp32") as backend:
        return look_around(bundle, backend, sides, asked.progress)


def add_thresholds(
    draft: BundleDraft, logits: FloatArray, targets: npt.NDArray[np.int64], settings: Settings
) -> None:
    """Thresholds alone, where the pictures that taught the model are gone."""
    logger.warning(
        "the pictures that taught the model are gone: the bundle will not notice stones of kinds "
        "that it does not know. Mend it with: gemscan confidence BUNDLE --images DIR"
    )
    decision = choose_decision(logits, targets, named_right=settings.named_right)
    draft.manifest = replace(draft.require_manifest(), decision=decision)
