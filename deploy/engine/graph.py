"""A CUDA graph: work of a stream, recorded once and started by one call.

pycuda has no graphs, so these six functions of the driver that it loaded are called through
ctypes. Source: CUDA Driver API, "Stream Management" and "Graph Management";
cuGraphInstantiateWithFlags is there from CUDA 11.4 on.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

LIBRARY = "libcuda.so.1"
THREAD_LOCAL = 1  # CUstreamCaptureMode: what other threads do meanwhile does not matter


class GraphError(Exception):
    """Work could not be recorded or started as a graph."""


class Graph:
    """Recorded work. `close` it while the GPU's context is current."""

    def __init__(self, stream_handle: int, work: Callable[[], None]) -> None:
        """Record what `work` queues on a stream; nothing of it runs.

        Raises:
            GraphError: no driver, an old one, or work that cannot be recorded.
        """
        self._driver = _load()
        self._stream = ctypes.c_void_p(stream_handle)
        self._graph, self._runnable = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            self._record(work)
        except BaseException:
            self.close()
            raise

    def _record(self, work: Callable[[], None]) -> None:
        self._call("cuStreamBeginCapture_v2", self._stream, ctypes.c_int(THREAD_LOCAL))
        try:
            work()
        finally:
            self._call("cuStreamEndCapture", self._stream, ctypes.byref(self._graph))
        runnable, flags = ctypes.byref(self._runnable), ctypes.c_ulonglong(0)
        self._call("cuGraphInstantiateWithFlags", runnable, self._graph, flags)

    def launch(self) -> None:
        """Start the work on its stream.

        Raises:
            GraphError: the driver refuses, as after a lost GPU.
        """
        self._call("cuGraphLaunch", self._runnable, self._stream)

    def close(self) -> None:
        """Free it. Twice is harmless."""
        for name, handle in (
            ("cuGraphExecDestroy", self._runnable),
            ("cuGraphDestroy", self._graph),
        ):
            if handle:
                getattr(self._driver, name)(handle)
                handle.value = None

    def _call(self, name: str, *words: Any) -> None:
        function = getattr(self._driver, name, None)
        if function is None:
            raise GraphError(f"this driver has no {name}")
        if (code := function(*words)) != 0:
            raise GraphError(f"{name} failed with CUresult {code}")


def _load() -> Any:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as exc:
        raise GraphError(str(exc)) from exc
