"""From folders of photographs to what the training loop eats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deploy.arrays import Json
from deploy.errors import DataError
from deploy.folders import LabelledPicture, count_per_class, find_labelled
from deploy.preprocess import Framing, InputSpec
from deploy.spelling import known_as
from train.data.duplicates import group_files, nearly_copies
from train.data.pictures import Squares, look_at, read_squares
from train.data.recorded import entries
from train.data.scan import Progress, Seen
from train.data.split import KnownSides, Split, follow_split, split_groups
from train.framing import framing_of
from train.settings import TrainSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Side:
    """One side of the split: (N,) class numbers, the pictures, their digests, what is held of them.

    pixels: (N, 3, S, S) uint8 RGB; None where pictures are read from their files as they come.
    """

    pixels: Tensor | None
    targets: Tensor
    pictures: tuple[LabelledPicture, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """Both sides, the labels in order, what could not be read, and how a square is cut."""

    labels: tuple[str, ...]
    training: Side
    validation: Side
    unreadable: tuple[str, ...]
    framing: Framing

    def record(self) -> Json:
        """The split as `RUN/split.json` keeps it."""
        return {
            "labels": list(self.labels),
            "training": entries(self.training.pictures, self.training.digests),
            "validation": entries(self.validation.pictures, self.validation.digests),
            "unreadable": list(self.unreadable),
        }


def prepare(
    data: Path,
    settings: TrainSettings,
    *,
    classes: Sequence[str] | None = None,
    extra: Path | None = None,
    sides: KnownSides | None = None,
    framing: Framing | None = None,
    hold: Callable[[int], bool] | None = None,
    progress: Progress = iter,
) -> Prepared:
    """Read the pictures, group near-duplicates, split the groups, and add the extra pictures.

    Enlarged pictures (`TrainSettings.enlarge`) are not grouped, but where their files are equal:
    each goes to either side by lot, wherever the copies of its photograph go.

    Args:
        data: a folder of class folders.
        classes: labels in order; None takes the folders by name.
        sides: an earlier run's split, to be followed; None makes a new one.
        framing: None takes that of the settings.
        extra: a folder like `data` whose pictures only ever teach (drawn stones, for example);
            those that nearly copy a validation picture are left out.
        hold: whether so many pictures are to be held in memory; None holds them.

    Raises:
        DataError: no pictures, one class, or a class that cannot be read or cannot stand on
            both sides.
    """
    framing = framing or framing_of(settings.framing)
    found = find_labelled(data, classes)
    labels = tuple(classes) if classes is not None else tuple(count_per_class(found))
    more = _find_extra(extra, labels) if extra is not None else []
    held = hold is None or hold(len(found) + len(more))
    reader = _Reader(settings.held_px, framing, held, progress)
    seen = reader.read(found)
    _check_readable(seen, labels)
    split = _split(seen, settings, sides)
    teaching: list[tuple[Seen, Sequence[int]]] = [(seen, split.training)]
    if more:
        extra_seen = reader.read(more)
        teaching.append((extra_seen, _fit_to_teach(extra_seen, seen, split, sides)))
    training = _side(teaching, labels)
    validation = _validation_side(seen, split, labels, framing, InputSpec(settings.size_px))
    logger.info("%d pictures teach, %d validate", len(training.targets), len(validation.targets))
    unreadable = tuple(sorted(str(picture.path) for picture, _ in seen.unreadable))
    return Prepared(labels, training, validation, unreadable, framing)


@dataclass(frozen=True)
class _Reader:
    """Reads pictures into memory, or only looks at them."""

    size_px: int
    framing: Framing
    holds: bool
    progress: Progress

    def read(self, pictures: Sequence[LabelledPicture]) -> Seen:
        if self.holds:
            return read_squares(pictures, self.size_px, self.framing, progress=self.progress)
        return look_at(pictures, progress=self.progress)


def _split(seen: Seen, settings: TrainSettings, sides: KnownSides | None) -> Split:
    alone = settings.enlarge != 0
    groups = group_files(seen.digests) if alone else seen.groups()
    names = [picture.label for picture in seen.pictures]
    if sides is None:
        return split_groups(names, groups, settings.validation_share, settings.seed)
    return follow_split(names, groups, seen.digests, sides)


def _check_readable(seen: Seen, labels: tuple[str, ...]) -> None:
    readable = {picture.label for picture in seen.pictures}
    if missing := [label for label in labels if label not in readable]:
        raise DataError(
            f"not one picture of {', '.join(missing)} can be read. "
            "Replace them, or leave the class out with --classes."
        )


def _side(parts: Sequence[tuple[Seen, Sequence[int]]], labels: tuple[str, ...]) -> Side:
    chosen = [(seen, index) for seen, indices in parts for index in indices]
    pictures = tuple(seen.pictures[index] for seen, index in chosen)
    targets = torch.tensor([labels.index(picture.label) for picture in pictures])
    held = [(seen, index) for seen, index in chosen if isinstance(seen, Squares)]
    digests = tuple(seen.digests[index] for seen, index in chosen)
    return Side(_planes(held) if held else None, targets, pictures, digests)


def some_planes(side: Side, size_px: int, framing: Framing, most: int = 128) -> Tensor:
    """(N, 3, S, S) uint8 RGB: some pictures of a side, evenly over it.

    Read from their files: the same where a side is held and where it is not.

    Raises:
        DataError: none of them can be read any more.
    """
    every = max(1, -(-len(side.pictures) // most))
    squares = read_squares(side.pictures[::every], size_px, framing)
    return torch.from_numpy(squares.pixels.transpose(0, 3, 1, 2).copy())


def _planes(chosen: Sequence[tuple[Squares, int]]) -> Tensor:
    """Chosen pictures, each copied straight into its place: memory is what runs out."""
    px = chosen[0][0].pixels.shape[1]
    planes = np.empty((len(chosen), 3, px, px), np.uint8)
    for plane, (squares, index) in zip(planes, chosen, strict=True):
        plane[:] = squares.pixels[index].transpose(2, 0, 1)
    return torch.from_numpy(planes)


def _validation_side(
    seen: Seen, split: Split, labels: tuple[str, ...], framing: Framing, spec: InputSpec
) -> Side:
    """Read anew, at the size that the device will see: validation is never a copy of a copy."""
    chosen = [seen.pictures[i] for i in split.validation]
    if not isinstance(seen, Squares):
        return _side([(seen, split.validation)], labels)
    exact = read_squares(chosen, spec.size_px, framing)
    return _side([(exact, range(len(exact.pictures)))], labels)


def _find_extra(folder: Path, labels: tuple[str, ...]) -> list[LabelledPicture]:
    """Its pictures of the classes, whatever case or form its folders' names are spelt in."""
    known = set(labels)
    named = [replace(p, label=known_as(p.label, labels)) for p in find_labelled(folder)]
    found = [picture for picture in named if picture.label in known]
    if not found:
        raise DataError(f"{folder} has no folder named like a class: {', '.join(labels)}.")
    if other := sorted({picture.label for picture in named} - known):
        logger.warning("left out of %s, being no class here: %s", folder, ", ".join(other))
    return found


def _fit_to_teach(extra: Seen, seen: Seen, split: Split, sides: KnownSides | None) -> list[int]:
    """The extra pictures that show no photograph of the validation side, here or in `sides`."""
    validating = list(split.validation)
    digests = {seen.digests[index] for index in validating}
    if sides is not None:
        digests |= sides.validation
    copies = nearly_copies(extra.thumbnails, seen.thumbnails[validating])
    fit = [
        index
        for index, digest in enumerate(extra.digests)
        if not copies[index] and digest not in digests
    ]
    if dropped := len(extra.pictures) - len(fit):
        logger.warning("%d extra pictures copy a validation picture and are left out", dropped)
    return fit
