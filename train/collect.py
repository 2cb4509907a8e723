"""Corrected and taught stones of a record, as pictures to train on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import DataError, PictureError
from deploy.files import reading_errors, write_bytes
from deploy.folders import subfolders
from deploy.pictures import decode_picture, find_pictures
from deploy.record.pictures import picture_paths
from deploy.record.reader import RecordReader
from deploy.spelling import name_key

LONGEST_NAME_BYTES = 200  # of a folder; file systems take 255

# Besides what no file name may hold: what other systems refuse, and what cannot be seen.
_UNSAFE = re.compile(r'[/\\:*?"<>|]')


@dataclass(frozen=True)
class Example:
    """One picture that an operator gave a name.

    key: of the stone or view; the picture's file is named after it.
    taught: from a lesson, else from a correction.
    data: the JPEG; None where the record does not keep the picture any more.
    """

    key: str
    label: str
    taught: bool
    data: bytes | None


@dataclass
class Collected:
    """What was done. `moved`: a line for each picture that lies under another name already."""

    added: dict[str, int] = field(default_factory=dict)
    there: int = 0
    gone: int = 0
    damaged: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    in_folder: dict[str, int] = field(default_factory=dict)


def collect(record: Path, folder: Path) -> Collected:
    """Add what is new in a record to a folder of pictures per class; nothing is ever replaced.

    Args:
        record: the record's folder; a scanner may be writing it.
        folder: of `folder/CLASS/KEY.jpg`; made where it is not there.

    Raises:
        RecordError: there is no record, or it is damaged.
        DataError: the folder cannot be read.
        StorageError: a picture cannot be written.
    """
    done = Collected()
    places = subfolders(folder) if folder.exists() else []
    lies_in = {path.stem: place.name for place in places for path in place.glob("*.jpg")}
    classes = ClassFolders([place.name for place in places])
    with RecordReader(record) as reader:
        for example in examples(reader):
            _add(example, folder / classes.of(example.label), lies_in, done)
    if folder.is_dir():
        done.in_folder = {p.name: len(find_pictures(p)) for p in subfolders(folder)}
    return done


def examples(reader: RecordReader) -> Iterator[Example]:
    """Every picture that an operator gave a name, in the order of the record."""
    for entry in reader.corrected():
        data = None
        if entry.has_pictures:
            data = _bytes(picture_paths(reader.folder, entry.stone)[1])
        yield Example(entry.stone.key, entry.names[0], taught=False, data=data)
    for view in reader.taught():
        yield Example(view.key, view.label, taught=True, data=reader.taught_crop(view.key))


def _bytes(path: Path) -> bytes | None:
    if not path.exists():
        return None
    with reading_errors(path, DataError):
        return path.read_bytes()


def _add(example: Example, place: Path, lies_in: dict[str, str], done: Collected) -> None:
    path = place / f"{example.key}.jpg"
    if example.key in lies_in:
        done.there += 1
        if lies_in[example.key] != place.name:
            old = place.parent / lies_in[example.key] / path.name
            done.moved.append(f"{old}: the record says {example.label}; it is left where it is")
    elif example.data is None:
        done.gone += 1
    elif problem := _problem(example.data, path):
        done.damaged.append(problem)
    else:
        write_bytes(path, example.data)
        done.added[place.name] = done.added.get(place.name, 0) + 1


def _problem(data: bytes, path: Path) -> str:
    try:
        decode_picture(data, path)
    except PictureError as exc:
        return str(exc)
    return ""


class ClassFolders:
    """Which folder a label goes to: one that is there, even when that spells it otherwise."""

    def __init__(self, names: Sequence[str]) -> None:
        """Args: names: of the folders that are there."""
        self._names = frozenset(names)
        self._by_key = {name_key(name): name for name in reversed(names)}

    def of(self, label: str) -> str:
        """Its name; the same for every spelling, unless a folder is there for each."""
        own = class_folder(label)
        known = self._by_key.setdefault(name_key(label), own)
        return own if own in self._names else known


def class_folder(label: str) -> str:
    """The folder of a label: its own name, where that can name a folder.

    Else what cannot be in a name becomes “_”, and the end tells such labels apart.
    """
    name = "".join(c if c.isprintable() else "_" for c in _UNSAFE.sub("_", label))
    name = re.sub(r"^\.", "_", name.strip())
    name = name.encode()[:LONGEST_NAME_BYTES].decode(errors="ignore").rstrip(". ")
    if name == label:
        return name
    return f"{name}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
