"""Streams, events, and the device's own clock.

Nothing queued runs until someone waits for it. Waiting for one stream runs that stream, and of
the others only what it was told to wait for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from fake_gpu.errors import DeviceFault, failure

NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING
FIRST_HANDLE = 0x6000_0000
COPY_MS = 0.05


class Work:
    """One queued piece of work.

    done: whether it has run.
    at_ms: the device's clock when it had.
    """

    def __init__(
        self,
        stream: Stream,
        run: Callable[[], None],
        cost_ms: float,
        begin: Callable[[], None] | None = None,
    ) -> None:
        self.stream, self.run, self.cost_ms, self.begin = stream, run, cost_ms, begin
        self.done, self.at_ms = False, 0.0


class Stream:
    """A queue. Handle 0 is the default stream.

    recording: what is queued while a graph is recorded, None otherwise.
    spoilt: whether something happened meanwhile that a recording does not survive.
    thread: who records.
    """

    def __init__(self, handle: int, flags: int) -> None:
        self.handle, self.flags = handle, flags
        self.queue: deque[Work] = deque()
        self.recording: list[Work] | None = None
        self.spoilt = False
        self.thread = 0


class Streams:
    """All streams of the device.

    lost: whether the device faulted; nothing runs any more, and every call fails.
    count, event_count: how many streams and events were ever made.
    """

    def __init__(self) -> None:
        self.default = Stream(0, 0)
        self.live: dict[int, Stream] = {}
        self.live_events: set[int] = set()
        self.count = self.event_count = 0
        self.clock_ms = 0.0
        self.lost = False

    def create(self, flags: int) -> Stream:
        """A new stream."""
        self.count += 1
        stream = Stream(FIRST_HANDLE + 16 * self.count, flags)
        self.live[stream.handle] = stream
        return stream

    def forget_all(self) -> None:
        """What happens to streams and events when their context ends."""
        self.live.clear()
        self.live_events.clear()

    def destroy(self, stream: Stream) -> None:
        """Let a stream finish, and forget it."""
        self.finish(stream)
        self.live.pop(stream.handle, None)

    def of_handle(self, handle: int) -> Stream | None:
        """The stream behind an integer, if this device made it."""
        return self.default if handle == 0 else self.live.get(handle)

    def enqueue(
        self,
        stream: Stream,
        run: Callable[[], None],
        cost_ms: float = COPY_MS,
        begin: Callable[[], None] | None = None,
    ) -> Work:
        """Put work at the end of a stream, or of the graph that is recorded from it.

        The default stream and the others, unless made non-blocking, wait for each other.

        Args:
            begin: what happens at the moment of queueing, or of starting the graph.

        Raises:
            LogicError: the default stream would wait for one that is recorded.
        """
        work = Work(stream, run, cost_ms, begin)
        if stream.recording is not None:
            stream.recording.append(work)
            return work
        for other in self._tied_to(stream):
            if other.recording is not None:
                other.spoilt = True
                raise failure("cuMemcpy", "LEGACY")
            if other.queue:
                self._wait(stream, other.queue[-1])
        if begin is not None:
            begin()
        stream.queue.append(work)
        return work

    def forbid_while_recording(self, routine: str, stream: Stream | None = None) -> None:
        """Fail as calls do that a recording does not survive: waiting for it, or allocating.

        Args:
            stream: the one that is waited for; None: whatever this thread records.

        Raises:
            LogicError: it is being recorded.
        """
        me = threading.get_ident()
        for other in [stream] if stream else list(self.live.values()):
            if other.recording is not None and (stream or other.thread == me):
                other.spoilt = True
                raise failure(routine, "CAPTURING")

    def _tied_to(self, stream: Stream) -> list[Stream]:
        if stream is self.default:
            return [s for s in self.live.values() if not s.flags & NON_BLOCKING]
        return [] if stream.flags & NON_BLOCKING else [self.default]

    def wait_for(self, stream: Stream, work: Work | None) -> None:
        """Let what is queued from now on run after a piece of work; None is over already."""
        if work is not None and not work.done:
            self._wait(stream, work)

    def _wait(self, stream: Stream, work: Work) -> None:
        stream.queue.append(Work(stream, lambda: self.run_until(work), 0.0))

    def run_until(self, work: Work) -> None:
        """Run a piece of work's stream up to and with it."""
        while not work.done and work.stream.queue:
            self._run(work.stream.queue.popleft())

    def finish(self, stream: Stream) -> None:
        """Run all that a stream holds."""
        while stream.queue:
            self._run(stream.queue.popleft())

    def finish_all(self) -> None:
        """Run everything."""
        for stream in [self.default, *self.live.values()]:
            self.finish(stream)

    def _run(self, work: Work) -> None:
        if not self.lost:
            try:
                work.run()
            except DeviceFault:
                self.lost = True
        self.clock_ms += work.cost_ms
        work.done, work.at_ms = True, self.clock_ms

    def check(self, routine: str) -> None:
        """Fail as every call does once the device has faulted.

        Raises:
            LogicError: it has.
        """
        if self.lost:
            raise failure(routine, "ILLEGAL_ADDRESS")
