"""Pictures in memory: read once, as uint8 squares, in the order of their list."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.errors import DataError, PictureError
from deploy.folders import LabelledPicture
from deploy.memory import available_bytes
from deploy.pictures import read_picture
from deploy.preprocess import Framing, InputSpec, preprocess_picture
from train.data.duplicates import thumbnail

logger = logging.getLogger(__name__)
T = TypeVar("T")
READERS = 4

# What is read here is laid into its side of the split afterwards, while this is still held.
COPIES = 2

# Near-duplicates are compared at one size, whatever the network's: the split of a folder must not
# depend on --size or --framing, or weights from another run would have seen what now validates.
COMPARED = InputSpec(64)


@dataclass(frozen=True)
class Seen:
    """Readable pictures and their `thumbnail`s, and what could not be read."""

    pictures: tuple[LabelledPicture, ...]
    thumbnails: FloatArray
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class Squares(Seen):
    """The same with their pixels, (N, S, S, 3) uint8 RGB."""

    pixels: ByteArray


def look_at(
    pictures: Sequence[LabelledPicture],
    *,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Seen:
    """Read pictures for their thumbnails alone; those that cannot be read are left out.

    Raises:
        DataError: not one can be read.
    """

    def look(picture: LabelledPicture) -> FloatArray | None:
        picture_bgr = _read(picture)
        return None if picture_bgr is None else compared_thumbnail(picture_bgr)

    kept = dict(_readable(pictures, look, progress))
    return Seen(tuple(kept), np.stack(list(kept.values())), _left_out(pictures, kept))


def read_squares(
    pictures: Sequence[LabelledPicture],
    size_px: int,
    framing: Framing,
    *,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Squares:
    """Read pictures through `deploy.preprocess`; those that cannot be read are named and left out.

    Raises:
        DataError: not one can be read, or they do not fit into memory.
    """
    spec = InputSpec(size_px)

    def read(picture: LabelledPicture) -> tuple[ByteArray, FloatArray] | None:
        picture_bgr = _read(picture)
        if picture_bgr is None:
            return None
        return preprocess_picture(picture_bgr, framing, spec), compared_thumbnail(picture_bgr)

    pixels = _reserve(len(pictures), size_px)
    kept: dict[LabelledPicture, FloatArray] = {}
    for picture, (square, small) in _readable(pictures, read, progress):
        pixels[len(kept)] = square
        kept[picture] = small
    thumbnails = np.stack(list(kept.values()))
    return Squares(tuple(kept), thumbnails, _left_out(pictures, kept), pixels[: len(kept)])


def _read(picture: LabelledPicture) -> ByteArray | None:
    try:
        return read_picture(picture.path)
    except PictureError as exc:
        logger.warning("left out: %s", exc)
        return None


def compared_thumbnail(picture_bgr: ByteArray) -> FloatArray:
    """(768,) float32 of (H, W, 3) uint8, BGR: what near-duplicates are compared by.

    Of the central square, whatever the run's framing: the split does not depend on it.
    """
    return thumbnail(preprocess_picture(picture_bgr, Framing(), COMPARED))


def _readable(
    pictures: Sequence[LabelledPicture],
    read: Callable[[LabelledPicture], T | None],
    progress: Callable[[Iterable[Any]], Iterable[Any]],
) -> Iterator[tuple[LabelledPicture, T]]:
    """What was read, in order, by several threads; at least one picture."""
    none = True
    with ThreadPoolExecutor(READERS) as pool:
        for picture, done in zip(pictures, progress(pool.map(read, pictures)), strict=True):
            if done is not None:
                none = False
                yield picture, done
    if none:
        raise DataError(f"none of the {len(pictures)} pictures can be read.")


def _left_out(
    pictures: Sequence[LabelledPicture], kept: Collection[LabelledPicture]
) -> tuple[str, ...]:
    return tuple(sorted(str(p.path) for p in set(pictures) - set(kept)))


def fits(count: int, size_px: int, *, processes: int = 1) -> bool:
    """Whether `read_squares` has room for so many pictures in each of some processes."""
    available = available_bytes()
    return available is None or processes * _needed(count, size_px) <= available


def _needed(count: int, size_px: int) -> int:
    return COPIES * count * size_px * size_px * 3


def _reserve(count: int, size_px: int) -> ByteArray:
    """Refuse what does not fit before it is read: Linux grants any array, and kills on its use."""
    needed = _needed(count, size_px)
    available = available_bytes()
    if available is not None and needed > available:
        raise DataError(
            f"{count} pictures of {size_px} px need {needed / 1e9:.1f} GB of memory, and "
            f"{available / 1e9:.1f} GB are free. Take a smaller --size, fewer pictures, "
            "or --hold stream, which reads them as they come."
        )
    return np.empty((count, size_px, size_px, 3), np.uint8)
