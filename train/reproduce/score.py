"""How many pictures of each class a run's chosen weights name rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from deploy.folders import LabelledPicture
from train.checkpoint import load_weights
from train.data.pictures import read_squares
from train.framing import saved_framing
from train.loop.precision import autocast
from train.model import GemNet, build_model

AT_ONCE = 32


@dataclass(frozen=True)
class ClassScore:
    """Pictures of one class that were named rightly, and all of them."""

    right: int
    count: int


Scores = dict[str, ClassScore]


def score(weights: Path, pictures: Sequence[LabelledPicture], device: torch.device) -> Scores:
    """Score every class of the weights, in label order, by the most likely name.

    Raises:
        CheckpointError: there are no weights.
        DataError: not one picture of a batch can be read.
    """
    content = load_weights(weights)
    labels = list(content["labels"])
    model = build_model(len(labels)).to(device).eval()
    model.backbone.load_state_dict(content["backbone"])
    right, count = dict.fromkeys(labels, 0), dict.fromkeys(labels, 0)
    for start in range(0, len(pictures), AT_ONCE):
        some = pictures[start : start + AT_ONCE]
        squares = read_squares(some, content["size_px"], saved_framing(content))
        batch = torch.from_numpy(squares.pixels).permute(0, 3, 1, 2).to(device)
        for picture, number in zip(squares.pictures, _named(model, batch), strict=True):
            count[picture.label] += 1
            right[picture.label] += labels[number] == picture.label
    return {label: ClassScore(right[label], count[label]) for label in labels}


def mean_accuracy(scores: Scores) -> float:
    """The mean over the classes that have pictures, 0 to 1: what the study calls its accuracy."""
    shares = [each.right / each.count for each in scores.values() if each.count]
    return sum(shares) / len(shares)


@torch.no_grad()
def _named(model: GemNet, batch: torch.Tensor) -> list[int]:
    with autocast(batch.device):
        return [int(number) for number in model(batch)[0].argmax(1)]
