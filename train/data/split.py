"""Training side and validation side, with no photograph on both."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.errors import DataError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """Indices into the list of pictures."""

    training: tuple[int, ...]
    validation: tuple[int, ...]


@dataclass(frozen=True)
class KnownSides:
    """Digests of the pictures that stood on each side in an earlier run."""

    training: frozenset[str]
    validation: frozenset[str]


def read_sides(path: Path) -> KnownSides:
    """The split of an earlier run, from its `split.json`.

    Raises:
        DataError: not readable, or something else than a split.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        training, validation = (
            frozenset(str(picture["digest"]) for picture in said[side])
            for side in ("training", "validation")
        )
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DataError(f"{path} cannot be read as a run's split.json ({exc!r}).") from exc
    return KnownSides(training, validation)


def follow_split(
    labels: Sequence[str],
    groups: npt.NDArray[np.int64],
    digests: Sequence[str],
    sides: KnownSides,
) -> Split:
    """Keep every picture on the side where it was; a new one goes with its near-duplicates.

    A new picture that is like no validation picture teaches. One that links pictures of both sides
    is like what teaches and like what validates, and is left out.

    Raises:
        DataError: not one validation picture is here, fewer than two classes, or a class would be
            missing on one side.
    """
    validating = {groups[i] for i, digest in enumerate(digests) if digest in sides.validation}
    if not validating:
        raise DataError(
            "none of the pictures that validate in the split is here. Give the files that it was "
            "made of: a picture that was saved anew, or cut, is another file."
        )
    teaching = {groups[i] for i, digest in enumerate(digests) if digest in sides.training}
    training: list[int] = []
    validation: list[int] = []
    for i, digest in enumerate(digests):
        if digest in sides.validation:
            validation.append(i)
        elif digest in sides.training or groups[i] not in validating:
            training.append(i)
        elif groups[i] not in teaching:
            validation.append(i)
    kept = [*training, *validation]
    if len(kept) < len(digests):
        count = len(digests) - len(kept)
        logger.warning("%d pictures link both sides of the split and are left out", count)
    counts, validates = (Counter(labels[i] for i in side) for side in (kept, validation))
    for label in _counted(labels):
        if not 0 < validates[label] < counts[label]:
            raise DataError(
                f"of the {counts[label]} pictures of class {label} that are here "
                f"{validates[label]} validate in the split: each side needs one. Add what is "
                "missing, or leave --split out."
            )
    return Split(tuple(training), tuple(validation))


def split_groups(
    labels: Sequence[str], groups: npt.NDArray[np.int64], share: float, seed: int
) -> Split:
    """Choose groups for validation, class by class, until each class has its share.

    Args:
        labels: the class of each picture.
        groups: the group of each picture; a group is never divided.
        share: part of each class's pictures wanted for validation; at least one group, even
            where the smallest is more than the share, and one picture fewer than all.

    Raises:
        DataError: fewer than two classes, or a class that cannot stand on both sides.
    """
    counts = _counted(labels)
    wanted = {
        label: max(1, min(count - 1, round(count * share))) for label, count in counts.items()
    }
    members = _members(groups)
    chosen: set[int] = set()
    have: Counter[str] = Counter()
    order = np.random.default_rng(seed).permutation(len(members))
    drawn = [_Group(members[i], Counter(labels[j] for j in members[i])) for i in order]
    for group in drawn:
        if all(have[label] + n <= wanted[label] for label, n in group.labels.items()):
            chosen.update(group.members)
            have.update(group.labels)
    for label in counts:
        smallest = None if have[label] else _smallest(drawn, label, counts - have)
        if smallest is not None:
            chosen.update(smallest.members)
            have.update(smallest.labels)
    _check_both_sides(counts, have)
    training = tuple(i for i in range(len(labels)) if i not in chosen)
    return Split(training, tuple(sorted(chosen)))


def _counted(labels: Sequence[str]) -> Counter[str]:
    counts = Counter(labels)
    if len(counts) < 2:
        raise DataError("there is one class only; a classifier needs pictures of at least two.")
    return counts


@dataclass(frozen=True)
class _Group:
    members: list[int]
    labels: Counter[str]


def _smallest(groups: Sequence[_Group], label: str, left: Counter[str]) -> _Group | None:
    """The smallest group with a label that leaves a picture of each of its labels to teach."""
    fitting = [
        group
        for group in groups
        if label in group.labels and all(n < left[name] for name, n in group.labels.items())
    ]
    return min(fitting, key=lambda group: len(group.members), default=None)


def _members(groups: npt.NDArray[np.int64]) -> list[list[int]]:
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(index)
    return list(members.values())


def _check_both_sides(counts: Counter[str], validation: Counter[str]) -> None:
    for label, count in counts.items():
        if count < 2:
            raise DataError(f"class {label} has {count} picture; at least 2 are needed. Add some.")
        if not 0 < validation[label] < count:
            raise DataError(
                f"the {count} pictures of class {label} are copies of too few photographs to put "
                "one on each side of the split. Add photographs of other stones."
            )
