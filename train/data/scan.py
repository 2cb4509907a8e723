"""One pass over pictures: each file is read once, by a few threads, in the order of its list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.errors import DataError, PictureError
from deploy.files import reading_errors
from deploy.folders import LabelledPicture, digest_of
from deploy.pictures import decode_picture
from deploy.preprocess import Framing, InputSpec, preprocess_picture
from train.data.duplicates import SAME, THUMBNAIL_PX, Indices, group_pictures, thumbnail

T = TypeVar("T")
Progress = Callable[[Iterable[Any]], Iterable[Any]]
READERS = 4
BATCH = 256  # handed to the threads at once: Ctrl-C waits for no more than these

# Near-duplicates are compared at one size, whatever the network's: the split of a folder must not
# depend on --size or --framing, or weights from another run would have seen what now validates.
COMPARED = InputSpec(64)


@dataclass(frozen=True)
class Seen:
    """What one pass found. The pictures that can be read, and in their order:

    digests: as `LabelledPicture.digest` gives them.
    thumbnails: (N, 768) float32, from `train.data.duplicates.thumbnail`.
    unreadable: the others, each with the reason.
    """

    pictures: tuple[LabelledPicture, ...]
    digests: tuple[str, ...]
    thumbnails: FloatArray
    unreadable: tuple[tuple[LabelledPicture, str], ...]

    def groups(self, same: float = SAME) -> Indices:
        """(N,) group numbers: equal files and near-duplicates have the same one.

        Args:
            same: cosine from which two pictures count as one photograph.
        """
        return group_pictures(self.thumbnails, self.digests, same)


@dataclass(frozen=True)
class Scan(Seen, Generic[T]):
    """The same, and what `look` made of each."""

    looks: tuple[T, ...]


def scan(
    pictures: Sequence[LabelledPicture],
    look: Callable[[ByteArray], T],
    *,
    progress: Progress = iter,
) -> Scan[T]:
    """Read every picture once.

    Args:
        look: is given each picture, (H, W, 3) uint8, BGR, in one of several threads.
        progress: wraps what is gone through, to show it.

    Raises:
        DataError: not one can be read.
    """
    looks: list[T] = []
    seen = scan_into(looks.append, pictures, look, progress=progress)
    return Scan(seen.pictures, seen.digests, seen.thumbnails, seen.unreadable, tuple(looks))


def scan_into(
    keep: Callable[[T], object],
    pictures: Sequence[LabelledPicture],
    look: Callable[[ByteArray], T],
    *,
    progress: Progress = iter,
) -> Seen:
    """`scan`, which hands what `look` made of each readable picture on, in order."""

    def read(picture: LabelledPicture) -> tuple[str, FloatArray, T] | str:
        try:
            with reading_errors(picture.path, PictureError):
                data = picture.path.read_bytes()
            picture_bgr = decode_picture(data, picture.path)
        except PictureError as exc:
            return str(exc)
        return digest_of(data), compared_thumbnail(picture_bgr), look(picture_bgr)

    kept: list[LabelledPicture] = []
    digests: list[str] = []
    thumbnails = np.empty((len(pictures), 3 * THUMBNAIL_PX**2), np.float32)
    unreadable: list[tuple[LabelledPicture, str]] = []
    for picture, done in zip(pictures, progress(_in_threads(read, pictures)), strict=True):
        if isinstance(done, str):
            unreadable.append((picture, done))
            continue
        thumbnails[len(kept)] = done[1]
        kept.append(picture)
        digests.append(done[0])
        keep(done[2])
    if not kept:
        raise DataError(f"none of the {len(pictures)} pictures can be read. Replace them.")
    return Seen(tuple(kept), tuple(digests), thumbnails[: len(kept)], tuple(unreadable))


def compared_thumbnail(picture_bgr: ByteArray) -> FloatArray:
    """(768,) float32 of (H, W, 3) uint8, BGR: what near-duplicates are compared by.

    Of the central square, whatever the run's framing: the split does not depend on it.
    """
    return thumbnail(preprocess_picture(picture_bgr, Framing(), COMPARED))


def _in_threads(
    read: Callable[[LabelledPicture], T], items: Iterable[LabelledPicture]
) -> Iterator[T]:
    waiting = iter(items)
    with ThreadPoolExecutor(READERS) as pool:
        while batch := list(islice(waiting, BATCH)):
            yield from pool.map(read, batch)
