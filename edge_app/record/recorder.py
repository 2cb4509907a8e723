"""Records stones beside the live loop, which never waits for a disk."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any

from deploy.arrays import ByteArray, FloatArray
from deploy.errors import GemscanError, RecordError, StorageError
from deploy.record.stones import Stone, TaughtView, clean_label, clean_note
from edge_app.record.files import StonePictures
from edge_app.record.store import RESERVE_BYTES, Store

log = logging.getLogger(__name__)

# Each may hold a frame of some megabytes. A stone takes a second at least to lay down, and some
# hundredths of one to write: a queue of so many is a disk that hangs.
QUEUE_LENGTH = 12
FOR_STONES = 4  # places in it that what operators ask for leaves free: many may ask at once
LOOK_AGAIN_S = 5.0  # while the record is in trouble
CLOSE_TIMEOUT_S = 10.0

Work = Callable[[Store], Any]


@dataclass(frozen=True)
class _Job:
    work: Work
    done: Future[Any]
    reading: bool = False  # which goes well on a full disk too


class Recorder:
    """Writes in a thread of its own; a context manager, which opens and closes the record.

    No trouble with the record reaches the caller of `add`: it shows as `problem`, one sentence
    for the screen, and goes when the record can be written again. What came meanwhile is not
    recorded, and counted. Each method gives a future, for who wants to know how it ended.
    """

    def __init__(
        self,
        folder: Path,
        *,
        reserve_bytes: int = RESERVE_BYTES,
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        """Nothing is touched before the recorder is entered. For arguments see `Store`.

        Args:
            look_again_s: how often a record in trouble is tried while no stone comes.
        """
        self.written = self.missed = 0  # stones
        self._open = partial(Store, folder, reserve_bytes=reserve_bytes)
        self._look_again_s = look_again_s
        self._problem = ""
        self._opened_before = False
        self._store: Store | None = None
        self._jobs: Queue[_Job | None] = Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def problem(self) -> str:
        """Why nothing is recorded now; empty when all is well."""
        return self._problem

    def add(self, stone: Stone, pictures: StonePictures | None = None) -> Future[int]:
        """Record a stone; its number comes with the future. Takes a copy of the pictures."""
        kept = pictures.copy() if pictures else None
        future: Future[int] = self._put(lambda store: store.add(stone, kept))
        future.add_done_callback(self._count)
        return future

    def correct(
        self, key: str, label: str, note: str = "", *, leave: int = FOR_STONES
    ) -> Future[None]:
        """Keep a correction, of a stone that was added before. See `Store.correct`.

        Args:
            leave: so many places of the queue; 0 for a correction that must not be refused.

        Raises:
            SettingsError: the label is empty or too long, the note is too long.
        """
        label, note = clean_label(label), clean_note(note)
        return self._put(lambda store: store.correct(key, label, note), leave=leave)

    def teach(
        self,
        label: str,
        embeddings: Sequence[FloatArray],
        crops_bgr: Sequence[ByteArray],
        network_digest: str,
    ) -> Future[None]:
        """Keep views of a new kind. See `Store.teach`.

        Raises:
            SettingsError: the label is empty or too long.
        """
        label = clean_label(label)
        views = [embedding.copy() for embedding in embeddings], [c.copy() for c in crops_bgr]
        return self._put(lambda store: store.teach(label, *views, network_digest), leave=FOR_STONES)

    def forget(self, label: str) -> Future[int]:
        """Remove a kind that was taught. See `Store.forget`."""
        return self._put(lambda store: store.forget(label), leave=FOR_STONES)

    def taught(self, network_digest: str) -> Future[list[TaughtView]]:
        """What a bundle was taught, with all that was given to the recorder before."""
        return self._put(lambda store: store.taught(network_digest), reading=True)

    def _put(self, work: Work, *, reading: bool = False, leave: int = 0) -> Future[Any]:
        job = _Job(work, Future(), reading)
        job.done.set_running_or_notify_cancel()  # from here on nobody can cancel it
        try:
            if not self._thread.is_alive():
                raise StorageError("the record is not open")
            if leave and self._jobs.qsize() >= QUEUE_LENGTH - leave:
                raise StorageError("the record has much to write. Try it again in a moment.")
            self._jobs.put_nowait(job)
        except StorageError as exc:
            job.done.set_exception(exc)
        except Full:
            job.done.set_exception(self._trouble(StorageError("the record's disk does not answer")))
        return job.done

    def _count(self, done: Future[int]) -> None:
        if done.exception() is None:
            self.written += 1
        else:
            self.missed += 1

    def _run(self) -> None:
        """The thread: one job after another, and a look at a record in trouble now and then."""
        self._do(Store.check)
        while True:
            try:
                job = self._jobs.get(timeout=self._look_again_s if self._problem else None)
            except Empty:
                self._do(Store.check)
                continue
            if job is None:
                break
            self._do(job.work, job.done, reading=job.reading)
        self._close_store()

    def _do(self, work: Work, done: Future[Any] | None = None, *, reading: bool = False) -> None:
        """Do one thing with the record; whatever goes wrong, the thread lives on."""
        try:
            result = work(self._opened())
        except Exception as exc:
            if not isinstance(exc, GemscanError):  # a mistake of this program
                log.exception("the record failed")
                exc = StorageError(f"the record failed: {exc!r}")
            if isinstance(exc, (StorageError, RecordError)):
                self._trouble(exc)
                self._close_store()
            if done is not None:
                done.set_exception(exc)
            return
        if not reading:
            self._well()
        if done is not None:
            done.set_result(result)

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._open(create=not self._opened_before)
            self._opened_before = True
        return self._store

    def _close_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except Exception as exc:  # a disk that is gone; what was written stays written
                log.warning("the record could not be closed: %s", exc)

    def _trouble(self, exc: Exception) -> Exception:
        if str(exc) != self._problem:
            log.warning("stones are not recorded: %s", exc)
        self._problem = str(exc)
        return exc

    def _well(self) -> None:
        if self._problem:
            log.info("stones are recorded again; %d were not", self.missed)
        self._problem = ""

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Write what waits, then end. False: the disk did not take all of it in time."""
        until = time.monotonic() + timeout_s
        with suppress(Full):
            self._jobs.put(None, timeout=timeout_s)
            self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            log.warning("the record's disk does not answer; the last stones may be missing")
        return not self._thread.is_alive()

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
