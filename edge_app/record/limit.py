"""The size of a record: the oldest pictures go first, what an operator said never does."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from deploy.record.pictures import CROP, FRAME, picture_path
from deploy.record.schema import transaction
from edge_app.record.files import MOST_STRAYS, remove_files

log = logging.getLogger(__name__)

DEFAULT_LIMIT_BYTES = 2 << 30
BATCH = MOST_STRAYS // 4  # stones at once: a kill in between leaves so many files as are swept
MOST_BATCHES = 50  # for one stone, which must not wait for long

_NOT_CORRECTED = "id NOT IN (SELECT stone_id FROM corrections)"


class SizeLimit:
    """Keeps database and pictures together below a size.

    Frames and crops go first, oldest stone first. When none is left that may go, thumbnails and
    embeddings do; their room in the database is used again. Rows stay, and so does everything of
    a stone that was corrected or taught. "Oldest" is by the order of writing, not by the clock.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path, limit_bytes: int) -> None:
        self._connection = connection
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._warned = False
        (self._picture_bytes,) = connection.execute(
            "SELECT coalesce(sum(picture_bytes), 0) FROM stones WHERE picture_bytes > 0"
        ).fetchone()

    @property
    def used_bytes(self) -> int:
        """What the record holds: the database without its free pages, and the picture files."""
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size + self._picture_bytes)

    def make_room(self, picture_bytes: int) -> None:
        """Remove what must go before so many bytes of pictures are added.

        After a limit was lowered by much, a part of it: the rest goes with the next stones.
        """
        for _ in range(MOST_BATCHES):
            if self.used_bytes + picture_bytes <= self._limit_bytes:
                return
            if not (self._remove_pictures() or self._remove_thumbnails()):
                self._warn()
                return

    def grown(self, picture_bytes: int) -> None:
        """So many bytes of pictures were added."""
        self._picture_bytes += picture_bytes

    def _remove_pictures(self) -> bool:
        """Those of the oldest stones that have some. The rows first: a file alone is swept."""
        rows = self._connection.execute(
            "SELECT id, key, laid_at, picture_bytes FROM stones "
            f"WHERE picture_bytes > 0 AND {_NOT_CORRECTED} ORDER BY id LIMIT {BATCH}"
        ).fetchall()
        with transaction(self._connection):
            self._connection.executemany(
                "UPDATE stones SET picture_bytes = 0 WHERE id = ?", [row[:1] for row in rows]
            )
        for _, key, laid_at, size in rows:
            remove_files([picture_path(self._folder, laid_at, key, w) for w in (FRAME, CROP)])
            self._picture_bytes -= size
        return bool(rows)

    def _remove_thumbnails(self) -> bool:
        with transaction(self._connection):
            done = self._connection.execute(
                "UPDATE stones SET thumbnail = NULL, embedding = NULL WHERE id IN ("
                "SELECT id FROM stones WHERE (thumbnail IS NOT NULL OR embedding IS NOT NULL) "
                f"AND {_NOT_CORRECTED} ORDER BY id LIMIT 100)"
            )
        return done.rowcount > 0

    def _warn(self) -> None:
        if not self._warned:
            log.warning(
                "the record in %s holds %d MB, above its limit of %d MB, with corrected and "
                "taught stones alone. Collect them (gemscan data collect), or raise the limit.",
                self._folder,
                self.used_bytes >> 20,
                self._limit_bytes >> 20,
            )
        self._warned = True
