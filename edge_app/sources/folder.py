"""A folder of pictures: each one is a frame."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from deploy.arrays import ByteArray
from deploy.errors import CameraError, PictureError
from deploy.pictures import find_pictures, read_picture
from edge_app.sources.base import Frame

log = logging.getLogger(__name__)


class FolderSource:
    """Pictures by name, each as it is; files that cannot be read are left out and counted."""

    live = False

    def __init__(self, path: Path, *, loop: bool = False, fps: float = 1.0) -> None:
        """Name a folder, or one picture file.

        Args:
            loop: start again after the last picture, for ever.
            fps: how many a second are shown where somebody watches.
        """
        self.name = f"pictures {path}"
        self.fps = fps
        self.skipped = 0
        self._path = path
        self._loop = loop
        self._paths: list[Path] = []
        self._position = 0
        self._index = 0
        self._bad: set[Path] = set()

    def __enter__(self) -> FolderSource:
        """Find the pictures.

        Raises:
            CameraError: there are none, or none that can be read.
        """
        self._paths = _pictures(self._path)
        self._position = self._index = 0
        first = self._next_readable()
        if first is None:
            raise CameraError(
                f"none of the {len(self._paths)} pictures in {self._path} can be read. "
                "Replace them, or choose another folder."
            )
        self._position -= 1
        return self

    def __exit__(self, *_: object) -> None:
        self._paths = []

    def read(self) -> Frame | None:
        """The next picture that can be read, or None after the last."""
        image = self._next_readable()
        if image is None and self._loop:
            self._position = 0
            image = self._next_readable()
        if image is None:
            return None
        frame = Frame(image, captured_at=time.monotonic(), index=self._index)
        self._index += 1
        return frame

    def _next_readable(self) -> ByteArray | None:
        while self._position < len(self._paths):
            path = self._paths[self._position]
            self._position += 1
            try:
                return read_picture(path)
            except PictureError as exc:
                self._skip(path, exc)
        return None

    def _skip(self, path: Path, error: PictureError) -> None:
        if path not in self._bad:
            self._bad.add(path)
            self.skipped += 1
            log.warning("left out: %s", error)


def _pictures(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = find_pictures(path)
    if not found:
        raise CameraError(f"{path} holds no pictures. Choose a folder with .jpg or .png files.")
    return found
