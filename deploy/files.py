"""Writing files that are either whole or not there at all."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.errors import GemscanError, StorageError


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


@contextmanager
def reading_errors(path: Path, error: type[GemscanError]) -> Iterator[None]:
    """Turn an `OSError` into one sentence that names the file or folder it happened to.

    Raises:
        error: in place of any `OSError` from the block.
    """
    try:
        yield
    except OSError as exc:
        raise error(
            f"{exc.filename or path} cannot be read: {exc.strerror or exc}. "
            "Check that it is there and that you may read it."
        ) from exc


def write_bytes(path: Path, data: bytes | memoryview, *, mode: int = 0o644) -> None:
    """Write a file so that a crash leaves the old one, or none, but never a part.

    A link stays one: the file it points to is written. A device or a pipe, as /dev/stdout may
    be, is written to.

    Args:
        mode: who may read and write the file; at no moment may others.

    Raises:
        StorageError: the file cannot be written.
    """
    with storage_errors(path):
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data, mode)


def _replace(path: Path, data: bytes | memoryview, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)  # mkstemp makes files only their owner can read
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def write_json(path: Path, value: Any, *, mode: int = 0o644) -> None:
    """Write readable JSON, whole or not at all.

    A file name that is not UTF-8 reaches Python as lone surrogates. They are written as JSON
    escapes and read back equal.

    Raises:
        StorageError: the file cannot be written.
        ValueError: a number is NaN or infinite, which JSON does not have; see `without_nan`.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"), mode=mode)


def read_json(path: Path, error: type[GemscanError], remedy: str = "") -> Any:
    """What a file of JSON holds.

    Args:
        remedy: a sentence that says what to do where it cannot be read.

    Raises:
        error: it is not there, may not be read, or is no JSON in UTF-8.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise error(f"{path} cannot be read ({exc}). {remedy}".rstrip()) from exc


def without_nan(value: Any) -> Any:
    """The same for JSON: numbers that do not exist become None, tuples become lists."""
    if isinstance(value, Mapping):
        return {name: without_nan(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
        path: where the folder will stand; one that is there is replaced, and where it is a link
            to a folder, that folder.
        start_from: a folder whose files the new one starts with.

    Raises:
        StorageError: the folder cannot be written.
    """
    with storage_errors(path):
        path = path.resolve()
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
    try:
        if path.exists():
            path.rename(old)
        new.rename(path)
    finally:  # Ctrl-C or an error between the two renames: the old folder goes back
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(old, ignore_errors=True)
