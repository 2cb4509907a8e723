"""One writer at a time: a lock that the kernel releases with the process that held it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import RecordError
from deploy.files import storage_errors
from deploy.record.place import LOCK
from deploy.record.stones import utc_now


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold a record's folder, which is there, for writing.

    Raises:
        RecordError: another process, or another part of this one, writes; says which.
        StorageError: the folder cannot be written.
    """
    with storage_errors(folder):
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(handle, folder)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        holder = os.pread(handle, 100, 0).decode(errors="replace").strip() or "unknown"
        raise RecordError(
            f"{folder} is written by another gemscan ({holder}). Stop it, or give this one "
            "another folder with GEMSCAN_RECORD."
        ) from exc
    except OSError as exc:
        raise RecordError(
            f"{folder} cannot be locked ({exc.strerror}). Keep the record on a local disk."
        ) from exc
    with storage_errors(folder):  # who holds it, for the message to the next one
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}, since {utc_now()}\n".encode(), 0)
