"""Confidence at export: fitted on the run's own pictures, as far as they are where they were."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle, BundleDraft
from deploy.folders import LabelledPicture
from train.confidence.apply import put_in, write_used
from train.confidence.collect import Progress, Sides, find_unknown, some
from train.confidence.fit import Settings, fit_confidence, look_around
from train.confidence.thresholds import choose_decision

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What export is asked for.

    others: a folder of class folders of kinds that the model is not to know.
    """

    others: Path | None = None
    settings: Settings = field(default_factory=Settings)
    progress: Progress = lambda items, title: items


def add_confidence(
    draft: BundleDraft,
    teaching: Sequence[LabelledPicture],
    judging: Sequence[LabelledPicture],
    asked: Asked,
) -> None:
    """Fit familiarity and thresholds and put them into a bundle that is being made.

    Raises:
        DataError: the folder of others cannot be read.
        StorageError: the bundle cannot be written.
    """
    manifest, settings = draft.require_manifest(), asked.settings
    bundle = Bundle(draft.root, manifest)
    unknown = find_unknown(asked.others, manifest.labels) if asked.others is not None else []
    sides = Sides(
        some(teaching, settings.most, settings.seed),
        list(judging),
        some(unknown, settings.most, settings.seed),
    )
    with OnnxCpuBackend(bundle, "fp32") as backend:
        looked = look_around(bundle, backend, sides, asked.progress)
    fitted = fit_confidence(looked, manifest.labels, settings)
    put_in(draft, fitted, looked, settings, "fp32")
    write_used(draft.root, sides)


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
