"""Writing and removing the picture files of a record."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.arrays import ByteArray
from deploy.files import storage_errors
from deploy.record.pictures import check_picture, encode, picture_paths
from deploy.record.place import PICTURES
from deploy.record.stones import Stone

log = logging.getLogger(__name__)

# A kill leaves the files of one stone, or of the few that the limit was removing. More than that
# is no trace of a kill but of a database that was lost: those are not removed.
MOST_STRAYS = 16

_OURS = re.compile(r"\.?([0-9a-f]{16})-(frame|crop)\.jpg")


@dataclass(frozen=True)
class StonePictures:
    """What was seen of a stone, both (H, W, 3) uint8, BGR.

    frame_bgr: the whole best frame, without anything drawn in it.
    crop_bgr: the part of it with the stone.
    """

    frame_bgr: ByteArray
    crop_bgr: ByteArray

    def __post_init__(self) -> None:
        check_picture(self.frame_bgr)
        check_picture(self.crop_bgr)

    def copy(self) -> StonePictures:
        """The same pixels in memory of their own."""
        return StonePictures(self.frame_bgr.copy(), self.crop_bgr.copy())


def encode_pictures(stone_pictures: StonePictures) -> tuple[bytes, bytes]:
    """Frame and crop as the bytes of their files."""
    return encode(stone_pictures.frame_bgr), encode(stone_pictures.crop_bgr)


def write_pictures(folder: Path, stone: Stone, files: tuple[bytes, bytes]) -> None:
    """Write frame and crop, so that they outlive a power cut.

    Raises:
        StorageError: they cannot be written; none of them is left then.
    """
    paths = picture_paths(folder, stone)
    day = paths[0].parent
    try:
        with storage_errors(day):
            _make_folder(day, folder)
            for path, data in zip(paths, files, strict=True):
                _write(path, data)
            _sync_folder(day)
    except BaseException:
        remove_pictures(folder, stone)
        raise


def _make_folder(day: Path, folder: Path) -> None:
    """A new folder outlives a power cut once the one that it is in was synced."""
    if not day.is_dir():
        day.mkdir(parents=True, exist_ok=True)
        _sync_folder(day.parent)
        _sync_folder(folder)


def _write(path: Path, data: bytes) -> None:
    """As `deploy.files.write_bytes`, by way of a name that the sweep knows for its own."""
    partial = path.with_name(f".{path.name}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_pictures(folder: Path, stone: Stone) -> None:
    """Remove what there is of a stone's files; one that cannot be removed is left, and logged."""
    remove_files(picture_paths(folder, stone))


def remove_files(paths: tuple[Path, ...] | list[Path]) -> None:
    """Remove files, and the folder of a day that they leave empty."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            log.warning("%s cannot be removed: %s", path, exc.strerror)
    for day in {path.parent for path in paths}:
        try:
            day.rmdir()
        except OSError:  # other stones of that day
            continue


def sweep(folder: Path, kept: Container[str]) -> int:
    """Remove pictures without a stone, as a kill leaves them; gives how many.

    Args:
        kept: the keys of all stones that have pictures by the database.

    Files of other names are never touched.
    """
    strays = [
        path for path, key, whole in _own_files(folder / PICTURES) if not whole or key not in kept
    ]
    if len(strays) > MOST_STRAYS:
        log.warning(
            "%d pictures in %s belong to no recorded stone. They are left alone: the database may "
            "have been replaced.",
            len(strays),
            folder / PICTURES,
        )
        return 0
    remove_files(strays)
    return len(strays)


def _own_files(pictures: Path) -> Iterator[tuple[Path, str, bool]]:
    """Each file that is named as ours: its path, its key, and whether it was finished."""
    with storage_errors(pictures):
        if not pictures.is_dir():
            return
        for day in sorted(pictures.iterdir()):
            if not day.is_dir() or day.is_symlink():
                continue
            for path in day.iterdir():
                if found := _OURS.fullmatch(path.name):
                    yield path, found[1], not path.name.startswith(".")
