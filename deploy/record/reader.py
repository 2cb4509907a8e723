"""Reading the record, while the scanner may be writing it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from deploy.bundle import EMBEDDING_SIZE
from deploy.decision import Candidate, Verdict
from deploy.errors import RecordError
from deploy.record.place import DATABASE
from deploy.record.schema import database_errors, open_for_reading
from deploy.record.search import CORRECTED, SAID, add_search
from deploy.record.stones import Correction, Entry, Provisional, Setup, Stone, TaughtView

_LAST = 2**63 - 1  # no row has a larger number
PAGE = 500  # rows read at once; between two pages the writer may tidy its log up

_ENTRIES = """
    SELECT s.id, s.key, s.laid_at, s.lifted_at, s.seconds, s.frames, s.kind, s.candidates,
        s.listed, s.unfamiliar, s.familiarity, s.taught_label, s.similarity, s.camera_state,
        s.bundle_name, s.bundle_version, s.bundle_digest, s.backend, s.precision, s.camera,
        s.engine_digest, s.profile_at, s.picture_bytes > 0 AS has_pictures,
        s.thumbnail IS NOT NULL AS has_thumbnail,
        c.label AS corrected, c.note, c.corrected_at
    FROM stones s LEFT JOIN corrections c
        ON c.id = (SELECT max(id) FROM corrections WHERE stone_id = s.id)
"""


class NoPictureError(RecordError):
    """A picture that was asked for is not kept, or not any more."""


class RecordReader:
    """One record, read in the order in which its stones were written; by one thread at a time.

    Opening one takes about as long as a query, so each part of a program opens its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / DATABASE
        self._stack = ExitStack()

    def __enter__(self) -> RecordReader:
        """Open the record.

        Raises:
            RecordError, StorageError: as `open_for_reading`.
        """
        self._connection = self._stack.enter_context(open_for_reading(self.folder))
        self._connection.row_factory = sqlite3.Row
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def entries(self, since: str = "", until: str = "9999") -> Iterator[Entry]:
        """The stones that were laid down from `since` to before `until` (UTC, as recorded).

        Ordered as written: a clock that was set back changes no order.

        Raises:
            RecordError: the database is damaged.
        """
        # The first one by the index on times, the others by id; `+` keeps SQLite to that.
        first = self._rows(
            "SELECT min(+id) AS id FROM stones WHERE laid_at >= ? AND laid_at < ?", (since, until)
        )[0]["id"]
        if first is None:
            return iter(())
        return self._entries("+s.laid_at >= ? AND +s.laid_at < ?", (since, until), first - 1)

    def corrected(self) -> Iterator[Entry]:
        """The stones that an operator corrected.

        Raises:
            RecordError: the database is damaged.
        """
        return self._entries("s.id IN (SELECT stone_id FROM corrections)", ())

    def latest(
        self, limit: int, before: int | None = None, text: str = "", since: str = ""
    ) -> list[Entry]:
        """The stones that were written last, the newest first.

        Args:
            before: only those with a smaller number; None begins with the last one.
            text: only those with it, in upper or lower case, in a name that they were given, in
                the one that they were corrected to, or in its note.
            since: only those that were laid down from then on (UTC, as recorded).

        Raises:
            RecordError: the database is damaged.
        """
        where = ["id < ?"]
        values: list[Any] = [_LAST if before is None else before]
        if since:
            where += ["id >= (SELECT min(+id) FROM stones WHERE laid_at >= ?)", "laid_at >= ?"]
            values += [since, since]
        if text:
            add_search(self._connection, text)
            where.append(f"({SAID} OR id IN ({CORRECTED}))")
        rows = self._rows(
            f"{_ENTRIES} WHERE s.id IN (SELECT id FROM stones INDEXED BY stones_names "
            f"WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?) ORDER BY s.id DESC",
            (*values, limit),
        )
        return [self._entry(row) for row in rows]

    def count(self, since: str = "") -> int:
        """How many stones were laid down from then on (UTC, as recorded).

        Raises:
            RecordError: the database is damaged.
        """
        rows = self._rows("SELECT count(*) AS n FROM stones WHERE laid_at >= ?", (since,))
        return int(rows[0]["n"])

    def correction_labels(self) -> list[str]:
        """The names that stones were corrected to, the one used last first.

        Raises:
            RecordError: the database is damaged.
        """
        rows = self._rows("SELECT label FROM corrections GROUP BY label ORDER BY max(id) DESC", ())
        return [row["label"] for row in rows]

    def taught_labels(self) -> list[str]:
        """The names that were taught, with whatever bundle, in the order of teaching.

        Raises:
            RecordError: the database is damaged.
        """
        rows = self._rows("SELECT label FROM taught_views GROUP BY label ORDER BY min(id)", ())
        return [row["label"] for row in rows]

    def _entries(self, where: str, values: tuple[str, ...], last: int = 0) -> Iterator[Entry]:
        while rows := self._rows(
            f"{_ENTRIES} WHERE s.id > ? AND {where} ORDER BY s.id LIMIT {PAGE}", (last, *values)
        ):
            yield from (self._entry(row) for row in rows)
            last = rows[-1]["id"]

    def _entry(self, row: sqlite3.Row) -> Entry:
        try:
            return _entry(row)
        except (ValueError, TypeError) as exc:
            raise RecordError(
                f"{self._path} is damaged: stone {row['id']} cannot be read ({exc})."
            ) from exc

    def taught(self, network_digest: str | None = None) -> list[TaughtView]:
        """Views of taught stones, in the order of teaching.

        Args:
            network_digest: only those of this network; None gives all.

        Raises:
            RecordError: the database is damaged.
        """
        rows = self._rows(
            "SELECT key, label, bundle_digest, embedding FROM taught_views "
            "WHERE ? IN (bundle_digest, '') ORDER BY id",
            (network_digest or "",),
        )
        return [_view(row, self._path) for row in rows]

    def taught_crop(self, key: str) -> bytes:
        """The JPEG of a taught view.

        Raises:
            NoPictureError: there is no such view (any more).
            RecordError: the database is damaged.
        """
        return self._blob("SELECT crop AS data FROM taught_views WHERE key = ?", key)

    def thumbnail(self, key: str) -> bytes:
        """The small JPEG of a stone.

        Raises:
            NoPictureError: there is none.
            RecordError: the database is damaged.
        """
        return self._blob("SELECT thumbnail AS data FROM stones WHERE key = ?", key)

    def _blob(self, query: str, key: str) -> bytes:
        rows = self._rows(query, (key,))
        if not rows or rows[0]["data"] is None:
            raise NoPictureError(f"the record in {self.folder} has no such picture ({key}).")
        return bytes(rows[0]["data"])

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        with database_errors(self._path):
            return self._connection.execute(query, values).fetchall()


def _entry(row: sqlite3.Row) -> Entry:
    candidates = tuple(Candidate(str(n), float(c)) for n, c in json.loads(row["candidates"]))
    provisional = None
    if row["taught_label"] is not None:
        provisional = Provisional(row["taught_label"], row["similarity"])
    stone = Stone(
        verdict=Verdict(row["kind"], candidates, row["listed"], bool(row["unfamiliar"])),
        laid_at=row["laid_at"],
        lifted_at=row["lifted_at"],
        seconds=row["seconds"],
        setup=_setup(row),
        frames=row["frames"],
        camera_state=row["camera_state"],
        familiarity=row["familiarity"],
        provisional=provisional,
        key=row["key"],
    )
    correction = None
    if row["corrected"] is not None:
        correction = Correction(row["corrected"], row["note"], row["corrected_at"])
    kept = bool(row["has_pictures"]), bool(row["has_thumbnail"])
    return Entry(row["id"], stone, correction, *kept)


def _setup(row: sqlite3.Row) -> Setup:
    return Setup(**{name: row[name] for name in Setup.__dataclass_fields__})


def _view(row: sqlite3.Row, path: Path) -> TaughtView:
    embedding = np.frombuffer(row["embedding"], "<f2").astype(np.float32)
    if embedding.shape != (EMBEDDING_SIZE,):
        raise RecordError(f"{path} is damaged: a taught view has {len(embedding)} numbers.")
    return TaughtView(row["key"], row["label"], row["bundle_digest"], embedding)
