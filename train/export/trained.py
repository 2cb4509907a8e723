"""What `gemscan train` left behind, read once, and as the beginning of a bundle."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
import torchvision

from deploy.arrays import Json
from deploy.bundle import MODEL_FILES, SCHEMA, BundleDraft, Manifest
from deploy.decision import Decision
from deploy.errors import DataError
from deploy.folders import LabelledPicture
from deploy.preprocess import Framing, InputSpec
from train.checkpoint import load_weights
from train.data.recorded import is_as_recorded
from train.export.onnx_file import write_onnx
from train.framing import saved_framing
from train.model import GemNet, build_model
from train.run.folder import HISTORY, SETTINGS, SPLIT

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedRun:
    """What a run left behind, read once."""

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

    def validation(self) -> list[LabelledPicture]:
        """The validation pictures that are as they were.

        Raises:
            DataError: there are none.
        """
        listed = self.split["validation"]
        same = _as_recorded(listed)
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

    def teaching(self) -> list[LabelledPicture]:
        """The pictures that taught, and are as they were."""
        return _as_recorded(self.split["training"])

    def settings_to_tell(self) -> Json:
        """A bundle travels; the folders of the machine that made it stay behind."""
        settings: Json = self.settings["settings"]
        weights = settings["weights"]
        known = weights in ("imagenet", "none")
        return settings | {"weights": weights if known else Path(weights).name}

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
                "pictures": len(self.split["training"]),
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
        _read_json(run / SPLIT),
        _read_json(run / SETTINGS),
        _read_json(run / HISTORY),
    )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"{path} cannot be read ({exc}). Is the run whole?") from exc


def _as_recorded(listed: Sequence[Json]) -> list[LabelledPicture]:
    return [LabelledPicture(Path(p["path"]), p["label"]) for p in listed if is_as_recorded(p)]
