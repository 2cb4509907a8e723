"""Which pictures calibration looks at."""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.arrays import ByteArray
from deploy.bundle import Bundle
from deploy.errors import DataError, PictureError
from deploy.evaluation.reading import CALIBRATION, TRAINING, VALIDATION, LabelMatcher, UsedPictures
from deploy.files import reading_errors
from deploy.folders import LabelledPicture, subfolders
from deploy.pictures import find_pictures, read_picture
from deploy.preprocess import preprocess_picture

log = logging.getLogger(__name__)

FEWEST = 8  # below this one odd picture decides the ranges


@dataclass(frozen=True)
class ChosenPicture:
    """One picture that will decide the ranges.

    square: (size, size, 3) uint8, RGB, as the network takes it.
    """

    picture: LabelledPicture
    digest: str
    square: ByteArray


def find_candidates(folder: Path, labels: Sequence[str]) -> list[LabelledPicture]:
    """The pictures below a folder, each with the name of the class folder it lies in.

    Where folders are named like the bundle's labels (case, spaces, "_" and "-" do not matter)
    only those count. Pictures that lie in the folder itself have the class "". Class folders may
    be links.

    Raises:
        DataError: no such folder, one that may not be read, or no picture in it.
    """
    with reading_errors(folder, DataError):
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder. Give one with pictures: --images DIR")
    links = [path for path in subfolders(folder) if path.is_symlink()]
    paths = [path for place in (folder, *links) for path in find_pictures(place)]
    found = [LabelledPicture(path, _class_of(path, folder)) for path in paths]
    if not found:
        raise DataError(f"{folder} holds no pictures. Give a folder with photographs of stones.")
    matcher = LabelMatcher(labels)
    known = [picture for picture in found if matcher.index(picture.label) is not None]
    return known or found


def _class_of(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else ""


def choose_pictures(
    candidates: Sequence[LabelledPicture], bundle: Bundle, count: int, *, seed: int = 0
) -> list[ChosenPicture]:
    """Choose pictures evenly over the classes; the same ones for the same seed.

    Pictures that the bundle keeps for validation are never chosen, those it was trained on come
    first, and of exact copies one counts. A file that cannot be read is replaced by another.

    Raises:
        DataError: fewer than FEWEST are asked for, or can be had.
    """
    if count < FEWEST:
        raise DataError(f"{count} pictures are too few to calibrate with: at least {FEWEST}.")
    queues = _queues(candidates, UsedPictures(bundle), seed)
    chosen: list[ChosenPicture] = []
    seen: set[str] = set()
    while queues and len(chosen) < count:
        for queue in queues[: count - len(chosen)]:
            if (found := _next(queue, bundle, seen)) is not None:
                chosen.append(found)
        queues = [queue for queue in queues if queue]
    if len(chosen) < FEWEST:
        raise DataError(
            f"only {len(chosen)} pictures can serve for calibration, at least {FEWEST} are "
            "needed. Give a folder with more: unreadable files, exact copies and pictures kept "
            "for validation do not count."
        )
    if len(chosen) < count:
        log.warning("%d pictures serve for calibration; %d were asked for", len(chosen), count)
    return chosen


def spread(pictures: Sequence[LabelledPicture], seed: int) -> Iterator[LabelledPicture]:
    """Every picture once, shuffled, one class after the other in turn."""
    queues = _shuffled(pictures, seed)
    while queues:
        for queue in queues:
            yield queue.popleft()
        queues = [queue for queue in queues if queue]


def unseen_pictures(
    bundle: Bundle, folder: Path, most: int, *, seed: int = 0
) -> list[LabelledPicture]:
    """Pictures that chose no range, evenly over classes; untrained ones if there are any.

    Raises:
        DataError: as `find_candidates`.
    """
    used = UsedPictures(bundle)
    uses = {p: uses_of(used, p) for p in spread(find_candidates(folder, bundle.labels), seed)}
    fresh = [picture for picture, found in uses.items() if CALIBRATION not in found]
    unseen = [picture for picture in fresh if TRAINING not in uses[picture]]
    return (unseen or fresh)[:most]


def _shuffled(pictures: Sequence[LabelledPicture], seed: int) -> list[deque[LabelledPicture]]:
    """The pictures of each class, classes and pictures in an order that the seed decides."""
    order = random.Random(seed)
    by_class: dict[str, list[LabelledPicture]] = {}
    for picture in sorted(pictures, key=lambda picture: str(picture.path)):
        by_class.setdefault(picture.label, []).append(picture)
    queues = list(by_class.values())
    order.shuffle(queues)
    return [deque(order.sample(queue, len(queue))) for queue in queues]


def _queues(
    candidates: Sequence[LabelledPicture], used: UsedPictures, seed: int
) -> list[deque[LabelledPicture]]:
    """For each class what may be chosen, in the order it is tried: training pictures first."""
    queues = []
    for shuffled in _shuffled(candidates, seed):
        uses = [(picture, uses_of(used, picture)) for picture in shuffled]
        allowed = [(picture, found) for picture, found in uses if VALIDATION not in found]
        allowed.sort(key=lambda pair: TRAINING not in pair[1])  # stable: the rest stays shuffled
        queues.append(deque(picture for picture, _ in allowed))
    return [queue for queue in queues if queue]


def _next(queue: deque[LabelledPicture], bundle: Bundle, seen: set[str]) -> ChosenPicture | None:
    """The next picture of a class that can be read and was not seen; None when there is none."""
    while queue:
        found = _open(queue.popleft(), bundle)
        if found is not None and found.digest not in seen:
            seen.add(found.digest)
            return found
    return None


def uses_of(used: UsedPictures, picture: LabelledPicture) -> tuple[str, ...]:
    """What a picture served for; nothing where it cannot be read."""
    try:
        return used.of(picture)
    except DataError:  # gone since the folder was listed; opening it will say so
        return ()


def _open(picture: LabelledPicture, bundle: Bundle) -> ChosenPicture | None:
    manifest = bundle.manifest
    try:
        pixels = read_picture(picture.path)
        square = preprocess_picture(pixels, manifest.framing, manifest.input)
        return ChosenPicture(picture, picture.digest(), square)
    except (PictureError, DataError) as exc:
        log.warning("left out: %s", exc)
        return None
