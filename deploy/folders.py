"""Labelled pictures: a folder of folders, one per class."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DataError
from deploy.files import reading_errors
from deploy.pictures import find_pictures
from deploy.spelling import name_key


@dataclass(frozen=True)
class LabelledPicture:
    """A picture file and the name of the class folder it lies in."""

    path: Path
    label: str

    def digest(self) -> str:
        """The first 16 hexadecimal digits of the file's SHA-256: which picture it is, anywhere.

        Raises:
            DataError: the file is gone or cannot be read.
        """
        with reading_errors(self.path, DataError):
            return digest_of(self.path.read_bytes())


def digest_of(data: bytes) -> str:
    """`LabelledPicture.digest` of a file that was read already."""
    return hashlib.sha256(data).hexdigest()[:16]


def read_class_list(path: Path) -> tuple[str, ...]:
    """Class names from a text file, one a line, in label order.

    Raises:
        DataError: not readable, empty, or a name stands twice.
    """
    try:  # "-sig": some editors begin a file with a byte order mark
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise DataError(
            f"{path} cannot be read as a list of classes: {why}. Give a text file with the name "
            "of a class on each line."
        ) from exc
    classes = tuple(name for name in names if name)
    if not classes:
        raise DataError(f"{path} holds no class name. Write one a line.")
    if twice := sorted({name for name in classes if classes.count(name) > 1}):
        raise DataError(f"{path} names {', '.join(twice)} twice. Remove one.")
    return classes


def find_labelled(folder: Path, classes: Sequence[str] | None = None) -> list[LabelledPicture]:
    """Every picture of the class folders below `folder`, class by class.

    Args:
        folder: holds one folder per class.
        classes: the classes to take, in this order; None takes every folder, by name.

    Raises:
        DataError: no such folder, one that may not be read, no pictures, a class without any, or
            two classes of one name in different spellings.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Give one with a folder of pictures per class.")
    names = list(classes) if classes is not None else _class_folders(folder)
    _refuse_doubles(folder, names)
    found = {name: find_pictures(folder / name) for name in names}
    if not any(found.values()):
        raise DataError(
            f"{folder} holds no pictures in class folders. Expected {folder}/CLASS/PICTURE.jpg, "
            "one folder per class."
        )
    if empty := [name for name, paths in found.items() if not paths]:
        raise DataError(f"{folder} has no pictures for {', '.join(empty)}.")
    return [LabelledPicture(path, name) for name in names for path in found[name]]


def _refuse_doubles(folder: Path, names: Sequence[str]) -> None:
    """A gem in two folders would become two labels, each the other's worst rival."""
    spelt: dict[str, str] = {}
    for name in names:
        if (first := spelt.setdefault(name_key(name), name)) != name:
            raise DataError(
                f"{folder} has the class {first} and the class {name}, which are one name. "
                "Put their pictures into one folder."
            )


def _class_folders(folder: Path) -> list[str]:
    return [path.name for path in subfolders(folder) if find_pictures(path)]


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, and links to folders, by name. Hidden ones are left out.

    Raises:
        DataError: the folder may not be read.
    """
    with reading_errors(folder, DataError):
        return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def count_per_class(pictures: Sequence[LabelledPicture]) -> dict[str, int]:
    """How many pictures each class has, in the order they appear."""
    counts: dict[str, int] = {}
    for picture in pictures:
        counts[picture.label] = counts.get(picture.label, 0) + 1
    return counts
