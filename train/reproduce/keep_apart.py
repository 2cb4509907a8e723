"""Photographs that neither protocol of `gemscan reproduce` may see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from deploy.files import staged_folder, storage_errors
from deploy.folders import LabelledPicture, find_labelled
from train.data.pictures import look_at
from train.data.split import split_groups
from train.settings import TrainSettings

TAUGHT, UNSEEN = "taught", "unseen"


def keep_apart(
    data: Path,
    out: Path,
    classes: Sequence[str] | None,
    seed: int,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> None:
    """Write OUT/taught and OUT/unseen: two folders of class folders that link to photographs.

    Near-duplicates stand in one of the two, and of each class one photograph in nine is unseen.

    Raises:
        DataError: no pictures, or a class that cannot stand in both.
        StorageError: no space, no permission, or a disk that has no links.
    """
    seen = look_at(find_labelled(data, classes), progress=progress)
    labels = [picture.label for picture in seen.pictures]
    split = split_groups(labels, seen.groups(), TrainSettings().validation_share, seed)
    with staged_folder(out) as stage:
        for name, numbers in ((TAUGHT, split.training), (UNSEEN, split.validation)):
            for number in numbers:
                _link(seen.pictures[number], seen.digests[number], stage / name)


def _link(picture: LabelledPicture, digest: str, folder: Path) -> None:
    """Named by its content: a file that lies there twice is linked once."""
    link = folder / picture.label / f"{digest}{picture.path.suffix.lower()}"
    with storage_errors(link):
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(picture.path.resolve())
