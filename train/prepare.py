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

from deploy.arrays import Json
from deploy.errors import DataError
from deploy.folders import LabelledPicture, count_per_class, find_labelled
from deploy.preprocess import Framing, InputSpec
from train.duplicates import group_duplicates, nearly_copies
from train.framing import framing_of
from train.pictures import Squares, read_squares
from train.settings import OVERSIZE, TrainSettings
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
        framing: None takes that of the settings.
        extra: a folder like `data` whose pictures only ever teach (drawn stones, for example);
            those that nearly copy a validation picture are left out.

    Raises:
        DataError: no pictures, one class, or a class that cannot be read or cannot stand on
            both sides.
    """
    framing = framing or framing_of(settings.framing)
    found = find_labelled(data, classes)
    labels = tuple(classes) if classes is not None else tuple(count_per_class(found))
    squares = read_squares(found, _held_px(settings), framing, progress=progress)
    _check_readable(squares, labels)
    split = _split(squares, settings, sides)
    teaching: list[tuple[Squares, Sequence[int]]] = [(squares, split.training)]
    if extra is not None:
        more = _read_extra(extra, settings, framing, labels, progress)
        teaching.append((more, _fit_to_teach(more, squares, split)))
    training = _side(teaching, labels)
    validation = _validation_side(squares, split, labels, framing, InputSpec(settings.size_px))
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


def _check_readable(squares: Squares, labels: tuple[str, ...]) -> None:
    readable = {picture.label for picture in squares.pictures}
    if missing := [label for label in labels if label not in readable]:
        raise DataError(
            f"not one picture of {', '.join(missing)} can be read. "
            "Replace them, or leave the class out with --classes."
        )


def _side(parts: Sequence[tuple[Squares, Sequence[int]]], labels: tuple[str, ...]) -> Side:
    """Put chosen pictures into one side, each straight into its place: memory is what runs out."""
    chosen = [(squares, index) for squares, indices in parts for index in indices]
    px = parts[0][0].pixels.shape[1]
    planes = np.empty((len(chosen), 3, px, px), np.uint8)
    for plane, (squares, index) in zip(planes, chosen, strict=True):
        plane[:] = squares.pixels[index].transpose(2, 0, 1)
    pictures = tuple(squares.pictures[index] for squares, index in chosen)
    targets = torch.tensor([labels.index(picture.label) for picture in pictures])
    return Side(torch.from_numpy(planes), targets, pictures)


def _validation_side(
    squares: Squares, split: Split, labels: tuple[str, ...], framing: Framing, spec: InputSpec
) -> Side:
    """Read anew, at the size that the device will see: validation is never a copy of a copy."""
    chosen = [squares.pictures[i] for i in split.validation]
    exact = read_squares(chosen, spec.size_px, framing)
    return _side([(exact, range(len(exact.pictures)))], labels)


def _read_extra(
    folder: Path,
    settings: TrainSettings,
    framing: Framing,
    labels: tuple[str, ...],
    progress: Progress,
) -> Squares:
    found = [picture for picture in find_labelled(folder) if picture.label in labels]
    if not found:
        raise DataError(f"{folder} has no folder named like a class: {', '.join(labels)}.")
    return read_squares(found, _held_px(settings), framing, progress=progress)


def _fit_to_teach(extra: Squares, squares: Squares, split: Split) -> list[int]:
    """The extra pictures that show no photograph of the validation side."""
    validating = list(split.validation)
    digests = {squares.pictures[index].digest() for index in validating}
    copies = nearly_copies(extra.thumbnails, squares.thumbnails[validating])
    fit = [
        index
        for index, picture in enumerate(extra.pictures)
        if not copies[index] and picture.digest() not in digests
    ]
    if dropped := len(extra.pictures) - len(fit):
        logger.warning("%d extra pictures copy a validation picture and are left out", dropped)
    return fit
