"""The folder that is filled: a folder in it for each class, pictures in those."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from pathlib import Path

from deploy.errors import StorageError
from deploy.files import storage_errors, write_bytes
from deploy.folders import subfolders
from deploy.pictures import find_pictures
from deploy.spelling import known_as
from edge_app.capture.names import class_name


class TrainingFolder:
    """Pictures by class. Nothing that lies there is ever written over."""

    def __init__(self, root: Path, classes: Sequence[str] = ()) -> None:
        """Make the folder where it is not there yet.

        Args:
            classes: to choose from, beside those that lie there.

        Raises:
            StorageError: it cannot be made, or is no folder.
            DataError: it cannot be read.
            SettingsError: a class cannot be a folder.
        """
        self.root = root.absolute()
        if self.root.exists() and not self.root.is_dir():
            raise StorageError(f"{root} is no folder. Give one to put a folder per class in.")
        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        self._classes: dict[str, None] = {}
        for name in classes:
            self.add_class(name)

    def add_class(self, text: str) -> str:
        """The class that a text means, one more where it is not known; its folder comes with its
        first picture.

        Raises:
            SettingsError: it cannot be a folder.
            DataError: the folder cannot be read.
        """
        lying = [place.name for place in subfolders(self.root)]
        known = [*lying, *self._classes]
        label = text if text in lying else known_as(class_name(text), known)
        self._classes.setdefault(label)
        return label

    def pictures(self) -> dict[str, list[Path]]:
        """The pictures of each class by name, classes without any too.

        Raises:
            DataError: a folder cannot be read.
        """
        lying = {place.name: find_pictures(place) for place in subfolders(self.root)}
        return {name: lying.get(name, []) for name in sorted({**self._classes, **lying})}

    def write(self, label: str, jpeg: bytes, at: datetime) -> Path:
        """Add a picture, whole or not at all.

        Args:
            label: as `add_class` gave it.
            at: when it was taken; its name says so.

        Raises:
            StorageError: it cannot be written.
        """
        with storage_errors(self.root / label):
            path = self._free(label, at)
        write_bytes(path, jpeg)
        return path

    def _free(self, label: str, at: datetime) -> Path:
        """A name that is not taken. This program is the only one to make such names, and makes
        them in one thread."""
        stem = f"{label}-{at:%Y%m%d-%H%M%S}-{at.microsecond // 1000:03}"
        names = (f"{stem}{f'-{n}' if n else ''}.jpg" for n in count())
        return next(p for p in (self.root / label / name for name in names) if not p.exists())


def remove_picture(path: Path) -> None:
    """Remove a picture that was written here; one that has gone meanwhile is no trouble.

    Raises:
        StorageError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise StorageError(f"{path} cannot be removed: {exc.strerror or exc}.") from exc
