"""One writer of a record at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from deploy.errors import RecordError
from deploy.lock import sole_holder
from deploy.record.place import LOCK


def sole_writer(folder: Path) -> AbstractContextManager[None]:
    """Hold a record's folder, which is there, for writing.

    Raises:
        RecordError: another process, or another part of this one, writes; says which.
        StorageError: the folder cannot be written.
    """
    remedy = "Stop it, or give this one another folder with GEMSCAN_RECORD."
    return sole_holder(folder / LOCK, RecordError, remedy)
