"""What `gemscan train` left behind, read once, and as the beginning of a bundle."""

from __future__ import annotations

import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
import torchvision

from deploy.arrays import Json
from deploy.bundle import MODEL_FILES, SCHEMA, BundleDraft, Manifest
from deploy.decision import Decision
from deploy.errors import DataError
from deploy.files import read_json
from deploy.folders import LabelledPicture
from deploy.preprocess import Framing, InputSpec
from train.checkpoint import load_weights
from train.data.recorded import is_as_recorded, is_extra
from train.export.onnx_file import write_onnx
from train.framing import saved_framing
from train.model import GemNet, build_model
from train.run.folder import HISTORY, SETTINGS, SPLIT, told

logger = logging.getLogger(__name__)

WHOLE = "Is the run whole?"


@dataclass(frozen=True)
class TrainedRun:
    """What a run left behind, read once.

    foreign: pictures that taught, of classes that the bundle is not to know.
    """

    checkpoint: str
    model: GemNet
    labels: tuple[str, ...]
    size_px: int
    framing: Framing
    epoch: int
    training: tuple[str, ...]
    split: Json
    settings: Json
    history: list[Json]
    foreign: tuple[Json, ...] = ()

    def narrowed_to(self, labels: tuple[str, ...] | None) -> TrainedRun:
        """The same with some of its classes alone: the head loses the rows of the others.

        Args:
            labels: in the order that the bundle is to have; None takes all.

        Raises:
            DataError: one of them is no class of the run, or there are fewer than two.
        """
        if labels is None or labels == self.labels:
            return self
        if missing := [label for label in labels if label not in self.labels]:
            raise DataError(f"the run was not trained on {', '.join(missing)}.")
        if len(labels) < 2:
            raise DataError("a bundle needs at least two classes.")
        sides = ("training", "validation")
        kept = {side: [p for p in self.split[side] if p["label"] in labels] for side in sides}
        foreign = [p for p in self.split["training"] if p["label"] not in labels]
        return replace(
            self,
            model=_with_rows(self.model, [self.labels.index(label) for label in labels]),
            labels=labels,
            split=self.split | kept,
            foreign=tuple(foreign),
        )

    @cached_property
    def validation(self) -> list[LabelledPicture]:
        """The validation pictures that are as they were.

        Raises:
            DataError: there are none.
        """
        listed = self.split["validation"]
        same = as_recorded(listed)
        if not same:
            raise DataError(
                "none of the run's validation pictures is where and what it was; export needs "
                f"them to prove the model. Put them back. The first was {listed[0]['path']}."
            )
        if len(same) < len(listed):
            logger.warning(
                "%d of %d validation pictures are gone or changed, and are left out",
                len(listed) - len(same),
                len(listed),
            )
        return same

    @cached_property
    def teaching(self) -> list[LabelledPicture]:
        """The photographs that taught, and are as they were."""
        return as_recorded([p for p in self.split["training"] if not self._is_extra(p)])

    @cached_property
    def extra(self) -> list[LabelledPicture]:
        """The pictures of `gemscan train --extra` that taught, and are as they were."""
        return as_recorded([p for p in self.split["training"] if self._is_extra(p)])

    @cached_property
    def others(self) -> list[LabelledPicture]:
        """Photographs that taught classes which the bundle is not to know, and are as they were."""
        return as_recorded([p for p in self.foreign if not self._is_extra(p)])

    def _is_extra(self, picture: Json) -> bool:
        return is_extra(picture, self.settings.get("extra"))

    def settings_to_tell(self) -> Json:
        """The settings as the bundle carries them."""
        return told(self.settings["settings"])

    def begin(self, draft: BundleDraft, name: str, version: str) -> None:
        """Write the float32 model into a bundle, and a manifest that decides nothing yet.

        Raises:
            StorageError: it cannot be written.
        """
        write_onnx(self.model, self.size_px, draft.root / MODEL_FILES["fp32"])
        draft.manifest = Manifest(
            schema=SCHEMA,
            name=name,
            version=version,
            labels=self.labels,
            input=InputSpec(self.size_px),
            framing=self.framing,
            decision=Decision(),
            metrics={},
            provenance=self._provenance(),
            files={MODEL_FILES["fp32"]: ""},
        )

    def _provenance(self) -> Json:
        return {
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "architecture": "torchvision resnet50",
            "training": {
                "pictures": len(self.split["training"]) + len(self.foreign),
                "other_classes": len({picture["label"] for picture in self.foreign}),
                "epoch": self.epoch,
                "settings": self.settings_to_tell(),
            },
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "torchvision": torchvision.__version__,
                "onnxruntime": onnxruntime.__version__,
                "opencv": cv2.__version__,
                "numpy": np.__version__,
            },
        }


def read_run(run: Path, checkpoint: str) -> TrainedRun:
    """Read a run's folder.

    Args:
        checkpoint: "best" or "last".

    Raises:
        DataError: the run is incomplete.
        CheckpointError: its weights cannot be read.
    """
    weights = load_weights(run / f"{checkpoint}.pt")
    if "labels" not in weights:
        raise DataError(f"{run / checkpoint}.pt was not written by gemscan train.")
    model = build_model(len(weights["labels"])).eval()
    model.backbone.load_state_dict(weights["backbone"])
    return TrainedRun(
        checkpoint,
        model,
        tuple(weights["labels"]),
        weights["size_px"],
        saved_framing(weights),
        weights["epoch"],
        tuple(weights["training"]),
        read_json(run / SPLIT, DataError, WHOLE),
        read_json(run / SETTINGS, DataError, WHOLE),
        read_json(run / HISTORY, DataError, WHOLE),
    )


def _with_rows(model: GemNet, rows: Sequence[int]) -> GemNet:
    """A copy whose head answers for some of the classes."""
    narrowed = build_model(len(rows)).eval()
    state = model.backbone.state_dict()
    for name in ("fc.weight", "fc.bias"):
        state[name] = state[name][list(rows)]
    narrowed.backbone.load_state_dict(state)
    return narrowed


def as_recorded(listed: Sequence[Json]) -> list[LabelledPicture]:
    return [LabelledPicture(Path(p["path"]), p["label"]) for p in listed if is_as_recorded(p)]
