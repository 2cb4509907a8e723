"""One way through the GPU: what a picture needs for itself from upload to download.

Everything is allocated here once. A frame costs one copy into page-locked memory, one upload, the
engine, two downloads, and no allocation on either side.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deploy.arrays import ByteArray
from deploy.backends.base import Prediction
from deploy.engine.bindings import because, numpy_type
from deploy.engine.cuda import release
from deploy.engine.graph import Graph, GraphError
from deploy.errors import BackendError, DeviceLostError, DeviceMemoryError

log = logging.getLogger(__name__)


@dataclass
class Buffer:
    """An input or output of the engine: page-locked host memory and its twin on the GPU."""

    host: Any
    device: Any


class Lane:
    """An execution context, a stream and buffers. For one thread at a time.

    Every method needs the GPU's context to be current: `Gpu.active`.
    """

    def __init__(self, trt: Any, engine: Any, cuda: Any, logger: Any) -> None:
        """Allocate what one picture needs.

        Raises:
            DeviceMemoryError: TensorRT finds no room for the engine's intermediate results.
            BackendError: the engine does not take the addresses.
        """
        self._cuda = cuda
        self._logger = logger
        self._graph: Graph | None = None
        self._buffers: dict[str, Buffer] = {}
        self._stream: Any = None
        self._context: Any = None
        try:
            self._stream = cuda.Stream()
            self._context = engine.create_execution_context()
            if self._context is None:
                raise DeviceMemoryError(f"no room for the engine to work in. {because(logger)}")
            self._allocate(trt, engine)
        except BaseException:
            self.close()
            raise

    def _allocate(self, trt: Any, engine: Any) -> None:
        for i in range(engine.num_io_tensors):
            name = engine.get_tensor_name(i)
            shape = plain(engine.get_tensor_shape(name))
            kind = numpy_type(trt, engine.get_tensor_dtype(name))
            if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
                self._input = name
            host = self._cuda.pagelocked_empty(shape, kind)
            self._buffers[name] = Buffer(host, None)
            buffer = self._buffers[name]
            buffer.device = self._cuda.mem_alloc(host.nbytes)
            address = int(buffer.device)
            self._check(self._context.set_tensor_address(name, address), f"refuses {name}")

    def _check(self, done: bool, what: str) -> None:
        """TensorRT's calls fail by value."""
        if not done:
            raise BackendError(f"the engine {what}. {because(self._logger)}")

    def start(self, square: ByteArray) -> None:
        """Send a picture on its way and return at once.

        Args:
            square: (size, size, 3) uint8, RGB. It may be overwritten when this returns.
        """
        self._buffers[self._input].host[0] = square
        if self._graph is None:
            self._enqueue()
        else:
            self._launch(self._graph)

    def _launch(self, graph: Graph) -> None:
        try:
            graph.launch()
        except GraphError as exc:
            raise DeviceLostError(f"the GPU failed: {exc}. Start gemscan again.") from exc

    def finish(self) -> Prediction:
        """Wait for the picture that was started. The arrays are the caller's own, N = 1."""
        self._stream.synchronize()
        logits, embedding = (self._buffers[name].host for name in Prediction._fields)
        return Prediction(np.array(logits), np.array(embedding))

    def _enqueue(self) -> None:
        given = self._buffers[self._input]
        self._cuda.memcpy_htod_async(given.device, given.host, self._stream)
        self._execute()
        for name, buffer in self._buffers.items():
            if name != self._input:
                self._cuda.memcpy_dtoh_async(buffer.host, buffer.device, self._stream)

    def _execute(self) -> None:
        self._check(self._context.execute_async_v3(self._stream.handle), "did not start")

    def record_graph(self) -> bool:
        """Record a picture's work once, so that later one call starts all of it.

        Returns:
            Whether it could be recorded; without it everything works as before.
        """
        self.forget_graph()
        self._enqueue()  # TensorRT settles its own state in the first run, outside a recording
        self._stream.synchronize()
        try:
            self._graph = Graph(self._stream.handle, self._enqueue)
        except (GraphError, BackendError, self._cuda.Error) as exc:
            log.debug("no CUDA graph: %s", exc)
        return self._graph is not None

    def forget_graph(self) -> None:
        """Start each piece of work by itself again."""
        if self._graph is not None:
            self._graph.close()
        self._graph = None

    def engine_times_ms(self, runs: int) -> npt.NDArray[np.float64]:
        """(runs,) milliseconds of the engine alone on the GPU, copies left out, by CUDA events.

        It is started as it is in use: by a CUDA graph where the lane has one.

        Raises:
            BackendError: a graph of the engine alone cannot be made.
        """
        if self._graph is None:
            return self._timed(self._execute, runs)
        try:
            alone = Graph(self._stream.handle, self._execute)
        except GraphError as exc:
            raise BackendError(f"the engine cannot be timed by a CUDA graph: {exc}") from exc
        try:
            return self._timed(alone.launch, runs)
        finally:
            alone.close()

    def _timed(self, start: Callable[[], None], runs: int) -> npt.NDArray[np.float64]:
        began, ended = self._cuda.Event(), self._cuda.Event()
        times = np.empty(runs)
        for i in range(runs):
            began.record(self._stream)
            start()
            ended.record(self._stream)
            ended.synchronize()
            times[i] = began.time_till(ended)
        return times

    def close(self) -> None:
        """Free everything, also when the GPU has failed."""
        with suppress(Exception):  # the GPU may be lost
            self._stream.synchronize()
        with suppress(Exception):
            self.forget_graph()
        self._context = None
        for buffer in self._buffers.values():
            host, buffer.host = buffer.host, None
            if buffer.device is not None:
                release(buffer.device)
            release(host.base)
        self._buffers.clear()
        self._stream = None


def plain(shape: Any) -> tuple[int, ...]:
    """An engine's shape. TensorRT's own `Dims` can neither be compared nor hashed."""
    return tuple(int(size) for size in tuple(shape))
