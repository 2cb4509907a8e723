"""A folder that lasts as long as a run. What a killed run left behind, the next one removes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.errors import GemscanError, StorageError
from deploy.files import storage_errors
from deploy.record.lock import sole_writer

PREFIX = "gemscan-demo-"
TRIES = 10


@contextmanager
def passing_folder() -> Iterator[Path]:
    """An empty folder of this run alone, among the system's temporary files.

    The folder itself is locked, by the kernel, which lets go of it with the process, however that
    ends. (systemd-tmpfiles, which clears such places by age, leaves a locked folder alone too.)

    Raises:
        StorageError: there is no place for temporary files, or none that can be locked.
    """
    place = Path(tempfile.gettempdir())
    remove_left_behind(place)
    folder, handle = _made(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def remove_left_behind(place: Path) -> None:
    """Remove this user's passing folders in a place, but for those whose process lives."""
    for folder in place.glob(f"{PREFIX}*"):
        handle = _hold(folder)
        if handle is None:
            continue
        # An older gemscan that still runs holds the lock of its record, and no other.
        with suppress(GemscanError), sole_writer(folder):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _made(place: Path) -> tuple[Path, int]:
    for _ in range(TRIES):  # another start may find it before it is locked, and remove it
        with storage_errors(place):
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        handle = _hold(folder)
        if handle is not None:
            return folder, handle
    raise StorageError(f"no folder in {place} can be locked. Set TMPDIR to one on a local disk.")


def _hold(folder: Path) -> int | None:
    """Lock a folder; None where it is no folder of this user, somebody holds it, or it is gone."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = os.fstat(handle)
        if held.st_uid == os.getuid() and os.path.samestat(held, folder.lstat()):
            return handle
    os.close(handle)
    return None
