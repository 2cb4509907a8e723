"""From folders of photographs to what the training loop eats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deploy.arrays import ByteArray, Json
from deploy.errors import DataError
from deploy.folders import LabelledPicture, count_per_class, find_labelled
from deploy.preprocess import Framing, InputSpec
from train.duplicates import group_duplicates
from train.pictures import OVERSIZE, Squares, read_squares
from train.settings import TrainSettings
from train.split import KnownSides, Split, follow_split, split_groups

logger = logging.getLogger(__name__)
Progress = Callable[[Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Side:
    """One side of the split: (N, 3, S, S) uint8 RGB, (N,) class numbers, and the pictures."""

    pixels: Tensor
    targets: Tensor
    pictures: tuple[LabelledPicture, ...]

    def digests(self) -> list[str]:
        """The digest of every picture, in order."""
        return [picture.digest() for picture in self.pictures]


@dataclass(frozen=True)
class Prepared:
    """Both sides, the labels in order, and what could not be read."""

    labels: tuple[str, ...]
    training: Side
    validation: Side
    unreadable: tuple[str, ...]

    def record(self) -> Json:
        """The split as `RUN/split.json` keeps it."""
        return {
            "labels": list(self.labels),
            "training": _record_side(self.training),
            "validation": _record_side(self.validation),
            "unreadable": list(self.unreadable),
        }


def _record_side(side: Side) -> list[Json]:
    return [
        {"path": str(picture.path), "label": picture.label, "digest": digest}
        for picture, digest in zip(side.pictures, side.digests(), strict=True)
    ]


def prepare(
    data: Path,
    settings: TrainSettings,
    *,
    classes: Sequence[str] | None = None,
    extra: Path | None = None,
    sides: KnownSides | None = None,
    framing: Framing | None = None,
    progress: Progress = iter,
) -> Prepared:
    """Read the pictures, group near-duplicates, split the groups, and add the extra pictures.

    Args:
        data: a folder of class folders.
        classes: labels in order; None takes the folders by name.
        sides: an earlier run's split, to be followed; None makes a new one.
        extra: a folder like `data` whose pictures only ever teach (drawn stones, for example).

    Raises:
        DataError: no pictures, one class, or a class that cannot stand on both sides.
    """
    framing = framing or Framing()
    found = find_labelled(data, classes)
    labels = tuple(classes) if classes is not None else tuple(count_per_class(found))
    squares = read_squares(found, _held_px(settings), framing, progress=progress)
    split = _split(squares, settings, sides)
    spec = InputSpec(settings.size_px)
    training = _training_side(squares, split, labels)
    if extra is not None:
        training = _join(training, _extra_side(extra, settings, framing, labels, progress))
    validation = _validation_side(squares, split, labels, framing, spec)
    logger.info("%d pictures teach, %d validate", len(training.targets), len(validation.targets))
    return Prepared(labels, training, validation, squares.unreadable)


def _held_px(settings: TrainSettings) -> int:
    return round(settings.size_px * OVERSIZE)


def _split(squares: Squares, settings: TrainSettings, sides: KnownSides | None) -> Split:
    groups = group_duplicates(squares.thumbnails)
    names = [picture.label for picture in squares.pictures]
    if sides is None:
        return split_groups(names, groups, settings.validation_share, settings.seed)
    return follow_split(names, groups, [p.digest() for p in squares.pictures], sides)


def _side(pixels: ByteArray, pictures: Sequence[LabelledPicture], labels: tuple[str, ...]) -> Side:
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    targets = torch.tensor([labels.index(picture.label) for picture in pictures])
    return Side(torch.from_numpy(planes), targets, tuple(pictures))


def _training_side(squares: Squares, split: Split, labels: tuple[str, ...]) -> Side:
    chosen = [squares.pictures[i] for i in split.training]
    return _side(squares.pixels[list(split.training)], chosen, labels)


def _validation_side(
    squares: Squares, split: Split, labels: tuple[str, ...], framing: Framing, spec: InputSpec
) -> Side:
    """Read anew, at the size that the device will see: validation is never a copy of a copy."""
    chosen = [squares.pictures[i] for i in split.validation]
    exact = read_squares(chosen, spec.size_px, framing)
    return _side(exact.pixels, exact.pictures, labels)


def _extra_side(
    folder: Path,
    settings: TrainSettings,
    framing: Framing,
    labels: tuple[str, ...],
    progress: Progress,
) -> Side:
    found = [picture for picture in find_labelled(folder) if picture.label in labels]
    if not found:
        raise DataError(f"{folder} has no folder named like a class: {', '.join(labels)}.")
    squares = read_squares(found, _held_px(settings), framing, progress=progress)
    return _side(squares.pixels, squares.pictures, labels)


def _join(one: Side, other: Side) -> Side:
    return Side(
        torch.cat([one.pixels, other.pixels]),
        torch.cat([one.targets, other.targets]),
        one.pictures + other.pictures,
    )
