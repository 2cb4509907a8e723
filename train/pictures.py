"""Pictures in memory: read once, as uint8 squares, in the order of their list."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.errors import DataError, PictureError
from deploy.folders import LabelledPicture
from deploy.pictures import read_picture
from deploy.preprocess import Framing, InputSpec, preprocess_picture
from train.duplicates import thumbnail

logger = logging.getLogger(__name__)
READERS = 4

# What is read here is laid into its side of the split afterwards, while this is still held.
COPIES = 2

# Near-duplicates are compared at one size, whatever the network's: the split of a folder must not
# depend on --size or --framing, or weights from another run would have seen what now validates.
COMPARED = InputSpec(64)


@dataclass(frozen=True)
class Squares:
    """Readable pictures, their pixels, (N, S, S, 3) uint8 RGB, and their `thumbnail`s."""

    pictures: tuple[LabelledPicture, ...]
    pixels: ByteArray
    thumbnails: FloatArray
    unreadable: tuple[str, ...]


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
        try:
            picture_bgr = read_picture(picture.path)
        except PictureError as exc:
            logger.warning("left out: %s", exc)
            return None
        small = preprocess_picture(picture_bgr, Framing(), COMPARED)
        return preprocess_picture(picture_bgr, framing, spec), thumbnail(small)

    pixels = _reserve(len(pictures), size_px)
    kept: list[LabelledPicture] = []
    thumbnails: list[FloatArray] = []
    with ThreadPoolExecutor(READERS) as pool:
        for picture, done in zip(pictures, progress(pool.map(read, pictures)), strict=True):
            if done is not None:
                pixels[len(kept)] = done[0]
                thumbnails.append(done[1])
                kept.append(picture)
    if not kept:
        raise DataError(f"none of the {len(pictures)} pictures can be read.")
    missing = set(pictures) - set(kept)
    unreadable = tuple(sorted(str(p.path) for p in missing))
    return Squares(tuple(kept), pixels[: len(kept)], np.stack(thumbnails), unreadable)


def _reserve(count: int, size_px: int) -> ByteArray:
    """Refuse what does not fit before it is read: Linux grants any array, and kills on its use."""
    needed = COPIES * count * size_px * size_px * 3
    available = _available_memory()
    if available is not None and needed > available:
        raise DataError(
            f"{count} pictures of {size_px} px need {needed / 1e9:.1f} GB of memory, and "
            f"{available / 1e9:.1f} GB are free. Take a smaller --size or fewer pictures."
        )
    return np.empty((count, size_px, size_px, 3), np.uint8)


def _available_memory() -> int | None:
    """Bytes that can be had without swapping, caches included; None where that is not known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return None
    kilobytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kilobytes[0]) * 1024 if kilobytes else None
