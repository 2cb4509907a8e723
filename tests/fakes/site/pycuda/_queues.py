"""Streams, events and the enumerations."""

from __future__ import annotations

import warnings
from enum import IntFlag
from typing import Any

import fake_gpu


class ctx_flags(IntFlag):  # noqa: N801  # pycuda's name
    SCHED_AUTO = 0
    SCHED_SPIN = 1
    SCHED_YIELD = 2
    SCHED_BLOCKING_SYNC = 4
    MAP_HOST = 8


class event_flags(IntFlag):  # noqa: N801
    DEFAULT = 0
    BLOCKING_SYNC = 1
    DISABLE_TIMING = 2
    INTERPROCESS = 4


class host_alloc_flags:  # noqa: N801  # plain numbers in pycuda too
    PORTABLE = 1
    DEVICEMAP = 2
    WRITECOMBINED = 4


class device_attribute(IntFlag):  # noqa: N801
    MULTIPROCESSOR_COUNT = 16
    INTEGRATED = 18
    COMPUTE_CAPABILITY_MAJOR = 75
    COMPUTE_CAPABILITY_MINOR = 76


ATTRIBUTES = {"MULTIPROCESSOR_COUNT": 8, "INTEGRATED": 1}


def clean_up(what: str, owner: Any, action: Any) -> None:
    """Do what ends an object's life, where pycuda can do it; elsewhere it warns, and leaks."""
    if not owner._valid:
        return
    if owner._reachable():
        action()
    else:
        warnings.warn(f"{what} in out-of-thread context could not be cleaned up", stacklevel=3)


def owning_context() -> Any:
    """The context that a new object belongs to.

    Raises:
        LogicError: none is current.
    """
    context = fake_gpu.current()
    if context is None:
        raise fake_gpu.failure(
            "explicit_context_dependent", "INVALID_CONTEXT", "no currently active context?"
        )
    return context


class Stream:
    """A queue of work."""

    def __init__(self, flags: int = 0) -> None:
        self._owner = owning_context()
        fake_gpu.streams.check("cuStreamCreate")
        self._queue = fake_gpu.streams.create(flags)

    def synchronize(self) -> None:
        fake_gpu.require_context("cuStreamSynchronize")
        fake_gpu.streams.forbid_while_recording("cuStreamSynchronize", self._queue)
        fake_gpu.run_all(lambda: fake_gpu.streams.finish(self._queue), "cuStreamSynchronize")

    def is_done(self) -> bool:
        fake_gpu.require_context("cuStreamQuery")
        return not self._queue.queue

    def wait_for_event(self, event: Event, /) -> None:
        fake_gpu.require_context("cuStreamWaitEvent")
        fake_gpu.streams.wait_for(self._queue, event._work)

    @property
    def handle(self) -> int:
        return self._queue.handle

    def __del__(self) -> None:
        if hasattr(self, "_queue"):
            clean_up("stream", self._owner, lambda: fake_gpu.streams.destroy(self._queue))


def queue_of(stream: Stream | None) -> fake_gpu.Stream:
    """The queue behind the argument that pycuda's functions take.

    Raises:
        TypeError: neither a Stream nor None; a handle, for one.
    """
    if stream is None:
        return fake_gpu.streams.default
    if not isinstance(stream, Stream):
        raise TypeError(f"No registered converter to pycuda::stream from {type(stream).__name__}")
    return stream._queue


class Event:
    """A mark in a stream."""

    def __init__(self, flags: int | event_flags = 0) -> None:
        self._owner = owning_context()
        fake_gpu.streams.check("cuEventCreate")
        self._flags, self._work = int(flags), None  # type: int, fake_gpu.Work | None
        fake_gpu.streams.event_count += 1
        self._number = fake_gpu.streams.event_count
        fake_gpu.streams.live_events.add(self._number)

    def record(self, stream: Stream | None = None) -> Event:
        fake_gpu.require_context("cuEventRecord")
        self._work = fake_gpu.streams.enqueue(queue_of(stream), lambda: None, 0.0)
        return self

    def synchronize(self) -> Event:
        fake_gpu.require_context("cuEventSynchronize")
        work = self._work
        if work is not None:
            fake_gpu.run_all(lambda: fake_gpu.streams.run_until(work), "cuEventSynchronize")
        return self

    def query(self) -> bool:
        fake_gpu.require_context("cuEventQuery")
        return self._work is None or self._work.done

    def time_since(self, event: Event, /) -> float:
        return event.time_till(self)

    def time_till(self, event: Event, /) -> float:
        """Milliseconds of the device's own clock from this event to another."""
        fake_gpu.require_context("cuEventElapsedTime")
        works = self._work, event._work
        untimed = (self._flags | event._flags) & event_flags.DISABLE_TIMING
        if untimed or None in works:
            raise fake_gpu.failure("cuEventElapsedTime", "INVALID_HANDLE")
        if not all(work.done for work in works if work):
            raise fake_gpu.failure("cuEventElapsedTime", "NOT_READY")
        return float(works[1].at_ms - works[0].at_ms)  # type: ignore[union-attr]

    def __del__(self) -> None:
        if hasattr(self, "_number"):
            clean_up("event", self._owner, self._destroy)

    def _destroy(self) -> None:
        fake_gpu.streams.live_events.discard(self._number)
