"""A folder's split, written to a file, and the proof that no photograph stands on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.arrays import Json
from deploy.errors import DataError
from deploy.files import write_json
from deploy.folders import count_per_class, find_labelled
from train.data.duplicates import SAME, largest_cosines
from train.data.pictures import look_at
from train.data.recorded import entries
from train.data.scan import Progress, Seen
from train.data.split import KnownSides, Split, read_sides, split_groups


@dataclass(frozen=True)
class Proof:
    """What was seen of a written split, by comparing all training with all validation pictures.

    copies: pictures that are near-duplicates of others.
    nearest: the largest cosine of two pictures on different sides; near-duplicates have more
        than `train.data.duplicates.SAME`.
    """

    training: int
    validation: int
    copies: int
    nearest: float
    unreadable: int

    def __str__(self) -> str:
        left_out = f" {self.unreadable} cannot be read and are left out." if self.unreadable else ""
        return (
            f"{self.training} teach, {self.validation} validate. No photograph is on both sides: "
            f"no file is, and the two most alike across them have a cosine of {self.nearest:.4f}, "
            f"not above {SAME}. {self.copies} pictures have near-duplicates, "
            f"each on the same side.{left_out}"
        )


def split_folder(
    folder: Path,
    out: Path,
    ratio: tuple[int, int],
    seed: int,
    *,
    classes: Sequence[str] | None = None,
    progress: Progress = iter,
) -> Proof:
    """Group near-duplicates, split the groups class by class, write, read back, and prove.

    Args:
        out: written as a run's `split.json` is, with absolute paths. A picture's digest says
            which it is, so the folder may move.
        ratio: training to validation.

    Raises:
        DataError: a class cannot stand on both sides, or the proof fails.
        StorageError: the file cannot be written.
    """
    found = find_labelled(folder.resolve(), classes)
    seen = look_at(found, progress=progress)
    _check_readable(seen, count_per_class(found))
    groups = seen.groups()
    labels = [picture.label for picture in seen.pictures]
    split = split_groups(labels, groups, ratio[1] / sum(ratio), seed)
    write_json(out, _record(seen, split) | {"ratio": list(ratio), "seed": seed})
    return prove(seen, groups.tolist(), read_sides(out))


def prove(seen: Seen, groups: Sequence[int], sides: KnownSides) -> Proof:
    """See that a split divides no photograph; the search for near-duplicates is not relied on.

    Raises:
        DataError: a photograph stands on both sides, or a picture on neither.
    """
    teaches = np.array([digest in sides.training for digest in seen.digests])
    validates = np.array([digest in sides.validation for digest in seen.digests])
    numbers = np.array(groups)
    nearest = float(largest_cosines(seen.thumbnails[validates], seen.thumbnails[teaches]).max())
    divided = set(numbers[teaches].tolist()) & set(numbers[validates].tolist())
    if nearest > SAME or divided or not (teaches ^ validates).all():
        raise DataError(
            f"the split is not clean: {len(divided)} groups stand on both sides, and the largest "
            f"cosine across them is {nearest:.4f}. Do not use it; please report this."
        )
    copies = int((np.bincount(numbers)[numbers] > 1).sum())
    counts = int(teaches.sum()), int(validates.sum())
    return Proof(*counts, copies, nearest, len(seen.unreadable))


def _check_readable(seen: Seen, counts: dict[str, int]) -> None:
    readable = {picture.label for picture in seen.pictures}
    if missing := [label for label in counts if label not in readable]:
        raise DataError(f"not one picture of {', '.join(missing)} can be read. Replace them.")


def _record(seen: Seen, split: Split) -> Json:
    def side(numbers: Sequence[int]) -> list[Json]:
        return entries((seen.pictures[n] for n in numbers), (seen.digests[n] for n in numbers))

    return {
        "labels": list(count_per_class(seen.pictures)),
        "training": side(split.training),
        "validation": side(split.validation),
        "unreadable": [str(picture.path) for picture, _ in seen.unreadable],
    }
