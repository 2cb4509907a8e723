"""What a run starts from: nothing, torchvision's ImageNet weights, another run's, or a bundle's."""

from __future__ import annotations

import logging
import urllib.error
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from torchvision.models import ResNet50_Weights

from deploy.bundle import load_bundle
from deploy.errors import GemscanError
from deploy.spelling import places
from train.checkpoint import load_weights
from train.from_bundle import is_bundle, read_bundle_weights
from train.model import GemNet
from train.settings import IMAGENET, NOTHING

logger = logging.getLogger(__name__)

HEAD = ("fc.weight", "fc.bias")


class WeightsError(GemscanError):
    """Weights to start from cannot be had, or do not fit ResNet-50."""


@dataclass(frozen=True)
class Weights:
    """What a network starts from.

    source: as the settings name it.
    state: of the backbone, as torchvision names its tensors; empty for a start from nothing.
    labels: of the rows of its head, where they are known.
    taught: digests of the pictures that taught it, where they are known.
    folded: it comes from a bundle, and its batch normalisations are to be measured anew.
    """

    source: str
    state: dict[str, Tensor]
    labels: tuple[str, ...] = ()
    taught: frozenset[str] = frozenset()
    folded: bool = False

    def load_into(self, model: GemNet, labels: Sequence[str] = ()) -> None:
        """Load the body, and the head's rows for the labels that both know; the others are new.

        Args:
            labels: of the rows of the model's head. Where either side's are not known, a head is
                taken over whole if it has as many rows.

        Raises:
            WeightsError: it is another network.
        """
        if not self.state:
            return
        own = model.backbone.state_dict()
        self._check_body(own)
        rows = self._rows(labels, len(own["fc.bias"]))
        loaded = OrderedDict(self.state)
        for name in HEAD:
            loaded[name] = own[name].clone()
            loaded[name][list(rows)] = self.state[name][list(rows.values())]
        model.backbone.load_state_dict(loaded)
        new = len(own["fc.bias"]) - len(rows)
        logger.info("started from %s%s", self.source, f", {new} rows of the head new" * bool(new))

    def _check_body(self, own: Mapping[str, Tensor]) -> None:
        if set(self.state) != set(own):
            raise WeightsError(
                f"{self.source} does not hold ResNet-50 weights as torchvision names them."
            )
        for name in set(own).difference(HEAD):
            if self.state[name].shape != own[name].shape:
                raise WeightsError(
                    f"{self.source} holds another network: {name} has another shape."
                )

    def _rows(self, labels: Sequence[str], count: int) -> dict[int, int]:
        """Which of its rows each row of the head becomes."""
        if not labels or not self.labels:
            same = len(self.state["fc.bias"]) == count
            return {row: row for row in range(count)} if same else {}
        return places(labels, self.labels)


def find_weights(said: str) -> Weights:
    """Read what `--weights` names.

    Args:
        said: "none", "imagenet", or a path: of a run's `best.pt`, of torchvision's own ResNet-50
            file, or of a bundle (a folder or a zip).

    Raises:
        WeightsError: the download cannot be had.
        CheckpointError, BundleError: the file or the bundle cannot be read.
    """
    if said == NOTHING:
        return Weights(said, {})
    if said == IMAGENET:
        return Weights(said, _download())
    path = Path(said)
    folded = is_bundle(path)
    content = read_bundle_weights(load_bundle(path)) if folded else load_weights(path)
    return Weights(
        said,
        content["backbone"],
        tuple(content.get("labels", ())),
        frozenset(content.get("training", ())),
        folded,
    )


def _download() -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = dict(
            ResNet50_Weights.IMAGENET1K_V2.get_state_dict(progress=True, check_hash=True)
        )
    except (urllib.error.URLError, OSError, RuntimeError) as exc:
        raise WeightsError(
            f"torchvision's ImageNet weights cannot be downloaded ({exc}). Connect this machine, "
            "or copy the file resnet50-11ad3fa6.pth to it and give --weights FILE, "
            "or start from a bundle with --weights BUNDLE, or from nothing with --weights none."
        ) from exc
    return state
