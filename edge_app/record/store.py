"""The one writer of a record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deploy.arrays import ByteArray, FloatArray
from deploy.bundle import EMBEDDING_SIZE
from deploy.errors import GemscanError, StorageError
from deploy.files import storage_errors
from deploy.record.lock import sole_writer
from deploy.record.pictures import encode, thumbnail
from deploy.record.place import DATABASE
from deploy.record.reader import RecordReader
from deploy.record.schema import database_errors, open_for_writing, transaction
from deploy.record.stones import Stone, TaughtView, clean_label, clean_note, new_key, utc_now
from edge_app.record.files import (
    StonePictures,
    encode_pictures,
    remove_pictures,
    sweep,
    write_pictures,
)
from edge_app.record.limit import DEFAULT_LIMIT_BYTES, SizeLimit

RESERVE_BYTES = 64 << 20  # left free, for the machine's own needs
BACK = "Put its disk back, or start the scanner again."


class UnknownStoneError(GemscanError):
    """A stone that was never recorded cannot be corrected."""


class Store:
    """Writes stones, corrections and lessons. Each call is on the disk when it returns.

    To be made, used and closed in one thread. Nothing is tried twice: what fails raises, and may
    be called again with the same stone.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
        create: bool = True,
    ) -> None:
        """Open a record, or begin one; what a kill left half done is removed.

        Args:
            limit_bytes: of database and pictures together.
            reserve_bytes: nothing is written when less than this is free on the disk.
            create: False refuses a place where no record is, as when its disk was removed.

        Raises:
            RecordError: another process writes it, or it is damaged or of a newer gemscan.
            StorageError: the place cannot be written.
        """
        self.folder = folder
        self._path = folder / DATABASE
        self._reserve_bytes = reserve_bytes
        with storage_errors(folder), ExitStack() as stack:
            if create:
                folder.mkdir(parents=True, exist_ok=True)
            elif not self._path.exists():
                raise StorageError(f"{folder} is gone. {BACK}")
            stack.enter_context(sole_writer(folder))
            self._connection = open_for_writing(folder)
            stack.callback(self._connection.close)
            with database_errors(self._path):
                sweep(folder, self._keys_with_pictures())
                self._limit = SizeLimit(self._connection, folder, limit_bytes)
            self._file = self._path.stat()
            self._stack = stack.pop_all()

    def add(self, stone: Stone, pictures: StonePictures | None = None) -> int:
        """Write one stone; gives its number. One that is there already is left as it is.

        Raises:
            StorageError: no room, no permission, the disk is gone. Nothing is left of the stone.
            RecordError: the database is damaged.
        """
        with self._writing():
            if known := self._id(stone.key):
                return known
            files = encode_pictures(pictures) if pictures else None
            size = sum(map(len, files)) if files else 0
            self._limit.make_room(size)
            if files:
                write_pictures(self.folder, stone, files)
            try:
                number = self._insert(stone, pictures, size)
            except BaseException:
                remove_pictures(self.folder, stone)
                raise
            self._limit.grown(size)
        return number

    def correct(self, key: str, label: str, note: str = "") -> None:
        """Keep what an operator says that a stone is; an earlier correction is kept as well.

        Raises:
            UnknownStoneError: no stone of that key was recorded.
            SettingsError: the label is empty or too long.
            StorageError, RecordError: as `add`.
        """
        values = utc_now(), clean_label(label), clean_note(note)
        with self._writing():
            number = self._id(key)
            if number is None:
                raise UnknownStoneError(
                    f"stone {key} was not recorded, so it cannot be corrected. Lay it down again."
                )
            with transaction(self._connection):
                self._connection.execute(
                    "INSERT INTO corrections (stone_id, corrected_at, label, note) "
                    "VALUES (?, ?, ?, ?)",
                    (number, *values),
                )

    def teach(
        self,
        label: str,
        embeddings: Sequence[FloatArray],
        crops_bgr: Sequence[ByteArray],
        network_digest: str,
    ) -> None:
        """Keep views of a stone of a new kind; more views of the same label add to it.

        Args:
            embeddings: (2048,) float32 each, as the network gives them.
            crops_bgr: the squares that they are of, (H, W, 3) uint8, BGR, as many.
            network_digest: of the network's bundle.

        Raises:
            SettingsError: the label is empty or too long.
            ValueError: not one crop for each embedding, or an embedding of another size.
            StorageError, RecordError: as `add`.
        """
        label, now = clean_label(label), utc_now()
        rows = [
            (new_key(), label, now, network_digest, pack(embedding), encode(crop))
            for embedding, crop in zip(embeddings, crops_bgr, strict=True)
        ]
        with self._writing(), transaction(self._connection):
            self._connection.executemany(
                "INSERT INTO taught_views (key, label, taught_at, bundle_digest, embedding, crop) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )

    def forget(self, label: str) -> int:
        """Remove a kind that was taught; gives how many views it had.

        Raises:
            StorageError, RecordError: as `add`.
        """
        with self._writing(), transaction(self._connection):
            done = self._connection.execute("DELETE FROM taught_views WHERE label = ?", (label,))
        return done.rowcount

    def taught(self, network_digest: str) -> list[TaughtView]:
        """What a bundle was taught; see `RecordReader.taught`.

        Raises:
            RecordError: the database is damaged.
        """
        with RecordReader(self.folder) as reader:
            return reader.taught(network_digest)

    def check(self) -> None:
        """See whether something could be written now.

        Raises:
            StorageError: no room, or the record is not where it was.
        """
        with storage_errors(self.folder):
            if not self._path.exists():
                raise StorageError(f"{self.folder} is gone. {BACK}")
            now = self._path.stat()
            if (now.st_dev, now.st_ino) != (self._file.st_dev, self._file.st_ino):
                raise StorageError(f"{self._path} was replaced. {BACK}")
            free = shutil.disk_usage(self.folder).free
        if not os.access(self.folder, os.W_OK):
            raise StorageError(f"{self.folder} cannot be written any more. Check its disk.")
        if free < self._reserve_bytes:
            raise StorageError(
                f"less than {max(1, self._reserve_bytes >> 20)} MB are free in {self.folder}. "
                "Free some space."
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self.check()
        with database_errors(self._path):
            yield

    def _insert(self, stone: Stone, pictures: StonePictures | None, size: int) -> int:
        row = _row(stone, pictures, size)
        marks = ", ".join("?" * len(row))
        with transaction(self._connection):
            done = self._connection.execute(
                f"INSERT INTO stones ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
            )
        return int(done.lastrowid or 0)

    def _id(self, key: str) -> int | None:
        row = self._connection.execute("SELECT id FROM stones WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def _keys_with_pictures(self) -> set[str]:
        rows = self._connection.execute("SELECT key FROM stones WHERE picture_bytes > 0")
        return {key for (key,) in rows}

    def close(self) -> None:
        """Give the record free. Calling it twice is harmless."""
        self._stack.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def pack(embedding: FloatArray) -> bytes:
    """An embedding as it is kept: (2048,) float16, little end first."""
    values: npt.NDArray[Any] = np.asarray(embedding)
    if values.shape != (EMBEDDING_SIZE,):
        raise ValueError(f"an embedding has {EMBEDDING_SIZE} numbers, not {values.shape}")
    largest = np.finfo(np.float16).max
    return bytes(np.clip(values, -largest, largest).astype("<f2").tobytes())


def _row(stone: Stone, pictures: StonePictures | None, size: int) -> dict[str, Any]:
    verdict, setup, taught = stone.verdict, stone.setup, stone.provisional
    return {
        "key": stone.key,
        "laid_at": stone.laid_at,
        "lifted_at": stone.lifted_at,
        "seconds": stone.seconds,
        "frames": stone.frames,
        "kind": verdict.kind,
        "candidates": json.dumps([[c.label, c.confidence] for c in verdict.candidates]),
        "listed": verdict.listed,
        "unfamiliar": verdict.unfamiliar,
        "familiarity": stone.familiarity,
        "taught_label": taught and taught.label,
        "similarity": taught and taught.similarity,
        "camera_state": stone.camera_state,
        "camera": setup.camera,
        "profile_at": setup.profile_at,
        "bundle_name": setup.bundle_name,
        "bundle_version": setup.bundle_version,
        "bundle_digest": setup.bundle_digest,
        "backend": setup.backend,
        "precision": setup.precision,
        "engine_digest": setup.engine_digest,
        "picture_bytes": size,
        "thumbnail": thumbnail(pictures.crop_bgr) if pictures else None,
        "embedding": None if stone.embedding is None else pack(stone.embedding),
    }
