"""The record's database: its tables by version, how it is opened, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from deploy.errors import GemscanError, RecordError, StorageError
from deploy.record.lock import sole_writer
from deploy.record.place import DATABASE

APPLICATION_ID = 0x67656D73  # "gems": an SQLite file without it is another program's
BUSY_TIMEOUT_S = 5.0
DAMAGE = ("malformed", "not a database", "no such table", "user-defined function")

# Step n brings a database from version n to n + 1. A step that was released is never changed.
# Large columns come last, so that a row is listed without reading them.
MIGRATIONS = (
    f"""
    PRAGMA application_id = {APPLICATION_ID};
    CREATE TABLE stones (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        laid_at TEXT NOT NULL,
        lifted_at TEXT NOT NULL,
        seconds REAL NOT NULL,
        frames INTEGER NOT NULL,
        kind TEXT NOT NULL,
        candidates TEXT NOT NULL,  -- JSON: [[label, confidence], …], most confident first
        listed INTEGER NOT NULL,
        unfamiliar INTEGER NOT NULL,
        familiarity REAL,
        taught_label TEXT,
        similarity REAL,
        camera_state TEXT NOT NULL,
        camera TEXT NOT NULL,
        profile_at TEXT NOT NULL,
        bundle_name TEXT NOT NULL,
        bundle_version TEXT NOT NULL,
        bundle_digest TEXT NOT NULL,
        backend TEXT NOT NULL,
        precision TEXT NOT NULL,
        engine_digest TEXT NOT NULL,
        picture_bytes INTEGER NOT NULL,  -- of its files; 0: they are not kept, or not any more
        thumbnail BLOB,  -- JPEG
        embedding BLOB  -- 2048 numbers, float16, little end first
    );
    CREATE INDEX stones_laid_at ON stones (laid_at);
    CREATE INDEX stones_pictures ON stones (id, picture_bytes) WHERE picture_bytes > 0;
    CREATE TABLE corrections (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        stone_id INTEGER NOT NULL REFERENCES stones (id),
        corrected_at TEXT NOT NULL,
        label TEXT NOT NULL,
        note TEXT NOT NULL
    );
    CREATE INDEX corrections_stone ON corrections (stone_id, id);
    CREATE TABLE taught_views (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        label TEXT NOT NULL,
        taught_at TEXT NOT NULL,
        bundle_digest TEXT NOT NULL,  -- network_digest of the bundle
        embedding BLOB NOT NULL,
        crop BLOB NOT NULL  -- JPEG
    );
    """,
    # All that a search looks at: rows have pictures in them, and 200,000 are more than a gigabyte.
    """
    CREATE INDEX stones_names ON stones (id, laid_at, kind, listed, taught_label, candidates);
    """,
)


def open_for_writing(folder: Path) -> sqlite3.Connection:
    """The database of a record, made or brought up to date; the caller is the sole writer.

    Each transaction is on the disk when it ends (WAL, synchronous FULL).

    Raises:
        RecordError: damaged, of another program, or of a newer gemscan.
        StorageError: it cannot be written.
    """
    path = folder / DATABASE
    with database_errors(path):
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        with database_errors(path):
            _set_up(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    outdated = _is_outdated(connection, path)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StorageError(
            f"{path} lies on a disk that cannot keep a record (SQLite's WAL). "
            "Choose a folder on a local disk with GEMSCAN_RECORD."
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    if outdated:
        _migrate(connection)


@contextmanager
def open_for_reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database of a record, to be read while another process may write it.

    Raises:
        RecordError: there is none, or it is damaged, of another program, or of a newer gemscan.
        StorageError: it is an older gemscan's, and cannot be brought up to date.
    """
    path = folder / DATABASE
    if not path.is_file():
        raise RecordError(
            f"there is no record of stones in {folder}. A scanner that runs makes one; "
            "--folder or GEMSCAN_RECORD names another place."
        )
    with database_errors(path):
        _bring_up_to_date(folder, path)
        with closing(_read_only(path)) as connection:
            yield connection


def _bring_up_to_date(folder: Path, path: Path) -> None:
    """Do the steps that are missing, or wait for a scanner that is just doing them."""
    until = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        with closing(_read_only(path)) as connection:
            if not _is_outdated(connection, path):
                return
        try:
            with sole_writer(folder):
                open_for_writing(folder).close()
        except RecordError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _read_only(path: Path) -> sqlite3.Connection:
    mode = "ro"
    wal = path.with_name(path.name + "-wal")
    if not os.access(path.parent, os.W_OK) and not wal.exists():  # a disk that nobody writes
        mode = "ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,  # a web server reads on in whichever thread is free
    )


def _is_outdated(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether there are steps to do; refuses what is not a record that this gemscan knows."""
    # In this order: a scanner may just be making the record, all of it at one moment.
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if tables and application != APPLICATION_ID:
        raise RecordError(
            f"{path} is not a record of gemscan. Move it away, or choose another folder."
        )
    if version > len(MIGRATIONS):
        raise RecordError(
            f"{path} has version {version}, made by a newer gemscan; this one reads up to "
            f"{len(MIGRATIONS)}. Update gemscan on this machine."
        )
    return bool(version < len(MIGRATIONS))


def _migrate(connection: sqlite3.Connection) -> None:
    """All steps that are missing, in one transaction: a kill leaves the version that was there."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    steps = "\n".join(MIGRATIONS[version:])
    reached = f"PRAGMA user_version = {len(MIGRATIONS)}"
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {steps}; {reached}; COMMIT;")
    except BaseException:
        _roll_back(connection)
        raise


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of a block, or nothing of it; on the disk when the block ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # a full disk may have ended it already
        connection.execute("ROLLBACK")


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises for a disk or a file into one sentence.

    Raises:
        StorageError: no room, no permission, the disk failed, or another program holds the file.
        RecordError: the file is damaged, or no database.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise  # a mistake of this program
    except sqlite3.DatabaseError as exc:
        raise _meaning(exc, path) from exc


def _meaning(exc: sqlite3.DatabaseError, path: Path) -> GemscanError:
    said = str(exc)
    if any(sign in said for sign in DAMAGE):
        return RecordError(
            f"{path} is damaged ({said}). Stop the scanner, copy the folder, and save what can be "
            f"saved: sqlite3 {path.name} .recover | sqlite3 saved.db; or move {path.name} away, "
            "and the next stone begins a new one."
        )
    if "full" in said:
        return StorageError(f"{path} could not be written: no space is left. Free some.")
    return StorageError(
        f"{path} cannot be used ({said}). Check its disk, that you may read and write there, and "
        "that no other program holds it."
    )
