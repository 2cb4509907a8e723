"""Pictures on their way to the disk, and back where the last one is taken back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from queue import Full, Queue

from deploy.arrays import ByteArray
from deploy.errors import GemscanError, StorageError
from deploy.record.pictures import encode, thumbnail
from edge_app.capture.folder import TrainingFolder, remove_picture
from edge_app.capture.likeness import KeptPictures, Signature

log = logging.getLogger(__name__)

# A training picture is decoded from it, and from here on files grow fast and look no better.
QUALITY = 95
THUMBNAIL_PX = 192  # the longer side
SHOWN = 12  # of the last pictures, thumbnails are held
QUEUE_LENGTH = 8  # frames of some megabytes; five come a second
CLOSE_TIMEOUT_S = 10.0


class NothingKeptError(GemscanError):
    """There is no picture to take back."""


@dataclass(frozen=True)
class Kept:
    """A picture that was written since the start.

    number: 1 for the first.
    seen: its number among the signatures.
    """

    number: int
    label: str
    path: Path
    seen: int


class Album:
    """Writes and removes in a thread of its own; a context manager around it.

    written, failed: pictures since the start; what was taken back is not counted.
    problem: why pictures are not written now, in one sentence; empty when all is well.
    revision: grows with each change.
    """

    def __init__(self, folder: TrainingFolder, seen: KeptPictures) -> None:
        """Args: seen: where a picture is added before it is written, and removed if it is not."""
        self.written = self.failed = self.revision = 0
        self.problem = ""
        self._folder, self._seen = folder, seen
        self._number = 0
        self._kept: list[Kept] = []
        self._thumbnails: dict[int, bytes] = {}
        self._jobs: Queue[Callable[[], None] | None] = Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._run, name="capture-writer", daemon=True)

    def keep(self, image_bgr: ByteArray, seen: Signature, label: str) -> bool:
        """Have a picture written. Returns at once; False: too many wait for the disk.

        Args:
            image_bgr: (H, W, 3) uint8, BGR; copied.
        """
        number = self._seen.add(seen, label)
        if self._put(partial(self._write, image_bgr.copy(), label, number, datetime.now())):
            return True
        self._seen.remove(number)
        return False

    def undo(self) -> Future[Kept]:
        """Remove the picture that was written last since the start, once those that wait are.

        The future fails with a NothingKeptError where there is none, with a StorageError where it
        cannot be removed.
        """
        done: Future[Kept] = Future()
        done.set_running_or_notify_cancel()
        if not self._put(partial(self._take_back, done)):
            done.set_exception(StorageError("the disk does not keep up. Try again in a moment."))
        return done

    def last(self) -> list[Kept]:
        """The last pictures that were written and have a thumbnail, the newest first."""
        newest = self._kept[: -SHOWN - 1 : -1]
        return [kept for kept in newest if kept.number in self._thumbnails]

    def thumbnail(self, number: int) -> bytes | None:
        """A small JPEG of one of the last pictures."""
        return self._thumbnails.get(number)

    def _put(self, job: Callable[[], None]) -> bool:
        try:
            self._jobs.put_nowait(job)
        except Full:
            return False
        return True

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # a thread's boundary: the next picture must not suffer
                log.exception("a picture could not be kept")
            self.revision += 1

    def _write(self, image_bgr: ByteArray, label: str, seen: int, at: datetime) -> None:
        try:
            path = self._folder.write(label, encode(image_bgr, QUALITY), at)
        except GemscanError as exc:
            self._fail(exc, seen)
            return
        self.problem = ""
        self.written += 1
        self._number += 1
        self._thumbnails[self._number] = thumbnail(image_bgr, THUMBNAIL_PX)
        self._thumbnails.pop(self._number - SHOWN, None)
        self._kept.append(Kept(self._number, label, path, seen))

    def _fail(self, exc: GemscanError, seen: int) -> None:
        self._seen.remove(seen)
        self.failed += 1
        why = exc.__cause__.strerror if isinstance(exc.__cause__, OSError) else None
        problem = f"pictures cannot be written: {why or exc}; recording goes on when they can"
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem

    def _take_back(self, done: Future[Kept]) -> None:
        if not self._kept:
            done.set_exception(NothingKeptError("no picture was recorded since the start."))
            return
        kept = self._kept[-1]
        try:
            remove_picture(kept.path)
        except StorageError as exc:
            done.set_exception(exc)
            return
        self._kept.pop()
        self._thumbnails.pop(kept.number, None)
        self._seen.remove(kept.seen)
        self.written -= 1
        self.revision += 1  # before whoever waits looks again
        done.set_result(kept)

    def __enter__(self) -> Album:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, then end."""
        with suppress(Full):
            self._jobs.put(None, timeout=CLOSE_TIMEOUT_S)
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            log.warning("the disk does not answer; the last pictures may be missing")
