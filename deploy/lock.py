"""One writer at a time: a lock that the kernel releases with the process that held it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from deploy.errors import GemscanError
from deploy.files import storage_errors


@contextmanager
def sole_holder(path: Path, error: type[GemscanError], remedy: str) -> Iterator[None]:
    """Hold a folder, which is there, for writing.

    Args:
        path: a file in it, which is made and stays.
        remedy: what to do where another one holds it.

    Raises:
        error: another process, or another part of this one, writes; says which.
        StorageError: the folder cannot be written.
    """
    with storage_errors(path.parent):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(handle, path.parent, error, remedy)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path, error: type[GemscanError], remedy: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        holder = os.pread(handle, 100, 0).decode(errors="replace").strip() or "unknown"
        raise error(f"{folder} is written by another gemscan ({holder}). {remedy}") from exc
    except OSError as exc:
        raise error(
            f"{folder} cannot be locked ({exc.strerror}). Keep it on a local disk."
        ) from exc
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with storage_errors(folder):  # who holds it, for the message to the next one
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}, since {since}\n".encode(), 0)
