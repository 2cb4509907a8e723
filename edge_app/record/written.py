"""Waiting for what was given to a recorder."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from deploy.errors import StorageError

T = TypeVar("T")

WRITE_TIMEOUT_S = 8.0  # of an operator who looks at a button


class Revision:
    """Grows with each change of a record, once it is on the disk. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0

    @property
    def number(self) -> int:
        """How many changes there were."""
        return self._number

    def count(self, job: Future[Any]) -> None:
        """Count a change when it is written; one that fails is none."""
        job.add_done_callback(self._grow)

    def _grow(self, job: Future[Any]) -> None:
        if job.exception() is None:
            with self._lock:
                self._number += 1


def wait_for(job: Future[T]) -> T:
    """What a job of the recorder gave.

    Raises:
        StorageError, RecordError, UnknownStoneError: as the job ended, or it did not in time.
    """
    try:
        return job.result(WRITE_TIMEOUT_S)
    except concurrent.futures.TimeoutError as exc:
        raise StorageError(
            "the record's disk does not answer. What you asked for is done when it does."
        ) from exc


def followed(job: Future[T], then: Callable[[T], None]) -> Future[T]:
    """A job that is done when `then`, which takes its result, is done as well.

    `then` runs in the recorder's thread as a rule, and in this one where the job has ended.
    """
    both: Future[T] = Future()

    def end(job: Future[T]) -> None:
        try:
            then(job.result())
            both.set_result(job.result())
        except Exception as exc:  # handed on to who waits
            both.set_exception(exc)

    job.add_done_callback(end)
    return both
