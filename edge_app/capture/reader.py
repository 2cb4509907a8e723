"""What lies in the folder already, read once beside the live picture."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.errors import PictureError
from deploy.pictures import read_picture
from edge_app.capture.likeness import KeptPictures, signature

log = logging.getLogger(__name__)

PATIENCE_S = 5.0  # with a disk that hangs


class FolderReader:
    """Adds the signatures of pictures, in a thread of its own; a context manager around it.

    done, total: pictures that were read, and those that there are.
    """

    def __init__(self, pictures: Mapping[str, Sequence[Path]], seen: KeptPictures) -> None:
        """Args: pictures: by class."""
        self.done, self.total = 0, sum(len(paths) for paths in pictures.values())
        self._pictures, self._seen = pictures, seen
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture-reader", daemon=True)

    def _run(self) -> None:
        for label, paths in self._pictures.items():
            for path in paths:
                if self._stop.is_set():
                    return
                self._read(path, label)
                self.done += 1

    def _read(self, path: Path, label: str) -> None:
        try:
            self._seen.add(signature(read_picture(path)), label)
        except PictureError as exc:
            log.warning("%s", exc)

    def __enter__(self) -> FolderReader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
