"""Writing files that are either whole or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.errors import StorageError


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` into one sentence that names the file.

    Raises:
        StorageError: in place of any `OSError` from the block.
    """
    try:
        yield
    except OSError as exc:
        raise StorageError(
            f"{path} could not be written: {exc.strerror or exc}. "
            "Free some space or choose another place, then run the command again."
        ) from exc


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a file so that a crash leaves the old one, or none, but never a part.

    Raises:
        StorageError: the file cannot be written.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)  # mkstemp makes files only their owner can read
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def staged_folder(path: Path, *, start_from: Path | None = None) -> Iterator[Path]:
    """Fill a folder beside `path`, and put it in place only when the block succeeds.

    Args:
        path: where the folder will stand; one that is there is replaced.
        start_from: a folder whose files the new one starts with.

    Raises:
        StorageError: the folder cannot be written.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.partial-"))
    try:
        if start_from is not None:
            with storage_errors(path):
                shutil.copytree(start_from, stage, dirs_exist_ok=True)
        yield stage
        with storage_errors(path):
            stage.chmod(0o755)
            _swap(stage, path)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _swap(new: Path, path: Path) -> None:
    old = new.with_name(new.name + ".old")
    if path.exists():
        path.rename(old)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)
