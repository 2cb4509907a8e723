"""Pictures in memory: read once, as uint8 squares, in the order of their list."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deploy.arrays import ByteArray
from deploy.errors import DataError
from deploy.folders import LabelledPicture
from deploy.memory import available_bytes
from deploy.preprocess import Framing, InputSpec, preprocess_picture
from train.data.scan import Progress, Seen, scan_into

logger = logging.getLogger(__name__)

# What is read here is laid into its side of the split afterwards, while this is still held.
COPIES = 2


@dataclass(frozen=True)
class Squares(Seen):
    """Pictures that were read, and their pixels, (N, S, S, 3) uint8 RGB."""

    pixels: ByteArray


def look_at(pictures: Sequence[LabelledPicture], *, progress: Progress = iter) -> Seen:
    """Read pictures and keep no pixels; those that cannot be read are named and left out.

    Raises:
        DataError: not one can be read.
    """
    return _named(scan_into(_drop, pictures, _drop, progress=progress))


def read_squares(
    pictures: Sequence[LabelledPicture],
    size_px: int,
    framing: Framing,
    *,
    progress: Progress = iter,
) -> Squares:
    """Read pictures through `deploy.preprocess`; those that cannot be read are named and left out.

    Raises:
        DataError: not one can be read, or they do not fit into memory.
    """
    spec = InputSpec(size_px)
    pixels = _reserve(len(pictures), size_px)
    free = iter(pixels)

    def square(picture_bgr: ByteArray) -> ByteArray:
        return preprocess_picture(picture_bgr, framing, spec)

    def keep(made: ByteArray) -> None:
        next(free)[:] = made

    seen = _named(scan_into(keep, pictures, square, progress=progress))
    read = pixels[: len(seen.pictures)]
    return Squares(seen.pictures, seen.digests, seen.thumbnails, seen.unreadable, read)


def _drop(_: object) -> None:
    """No more is wanted of a picture than every scan finds."""


def _named(seen: Seen) -> Seen:
    for _, why in seen.unreadable:
        logger.warning("left out: %s", why)
    return seen


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
