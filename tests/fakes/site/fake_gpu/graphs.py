"""CUDA graphs, which pycuda has not: the driver's own functions, called with ctypes values.

A test puts `fake_gpu.driver` where code under test would open `libcuda.so.1`.
"""

from __future__ import annotations

import threading
from typing import Any

import fake_gpu
from fake_gpu.streams import Work

OK, INVALID_HANDLE, LOST, SPOILT, NOT_RECORDING = 0, 400, 700, 901, 400
FIRST_HANDLE = 0x7000_0000


class Driver:
    """The functions that this project calls. Each returns a CUresult.

    graphs: recorded work by handle, of both the graph and what was instantiated from it.
    """

    def __init__(self) -> None:
        self.graphs: dict[int, list[Work]] = {}
        self._next = FIRST_HANDLE

    def _keep(self, works: list[Work]) -> int:
        self._next += 16
        self.graphs[self._next] = works
        return self._next

    def cuStreamBeginCapture_v2(self, stream: Any, mode: Any) -> int:  # noqa: N802
        found = fake_gpu.streams.of_handle(stream.value or 0)
        if found is None or found.recording is not None or not found.handle:
            return INVALID_HANDLE
        found.recording, found.spoilt, found.thread = [], False, threading.get_ident()
        return OK

    def cuStreamEndCapture(self, stream: Any, graph: Any) -> int:  # noqa: N802
        found = fake_gpu.streams.of_handle(stream.value or 0)
        if found is None or found.recording is None:
            return NOT_RECORDING
        works, found.recording = found.recording, None
        if found.spoilt:
            return SPOILT
        graph._obj.value = self._keep(works)
        return OK

    def cuGraphInstantiateWithFlags(self, runnable: Any, graph: Any, flags: Any) -> int:  # noqa: N802
        works = self.graphs.get(graph.value or 0)
        if works is None:
            return INVALID_HANDLE
        runnable._obj.value = self._keep(works)
        return OK

    def cuGraphLaunch(self, runnable: Any, stream: Any) -> int:  # noqa: N802
        """Queue what was recorded, with the addresses of then."""
        works = self.graphs.get(runnable.value or 0)
        found = fake_gpu.streams.of_handle(stream.value or 0)
        if fake_gpu.streams.lost:
            return LOST
        if works is None or found is None:
            return INVALID_HANDLE
        fake_gpu.graph_launches += 1
        for work in works:
            fake_gpu.streams.enqueue(found, work.run, work.cost_ms, work.begin)
        return OK

    def cuGraphExecDestroy(self, runnable: Any) -> int:  # noqa: N802
        return OK if self.graphs.pop(runnable.value or 0, None) is not None else INVALID_HANDLE

    def cuGraphDestroy(self, graph: Any) -> int:  # noqa: N802
        return OK if self.graphs.pop(graph.value or 0, None) is not None else INVALID_HANDLE
