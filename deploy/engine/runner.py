"""An engine, opened: pictures in, logits and embeddings out, from any thread."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from deploy.arrays import ByteArray
from deploy.backends.base import Prediction
from deploy.engine.bindings import (
    because,
    load_tensorrt,
    new_logger,
    new_runtime,
    ran_out_of_memory,
)
from deploy.engine.cuda import Gpu
from deploy.engine.lane import Lane, plain
from deploy.errors import BackendError, DeviceMemoryError

LANES = 2


class EngineRefusedError(BackendError):
    """TensorRT does not take a serialized engine: another version's, another GPU's, or broken."""


class _Opened:
    """What an engine holds on the GPU. `close` lets go of all of it, in the right order.

    Nothing else may hold any of it, not a local variable either: a traceback would keep it alive,
    and it would be freed where the GPU's context is not current, that is, not at all.
    """

    def __init__(self, plan: bytes, lanes: int) -> None:
        trt = load_tensorrt()
        self.gpu = Gpu()
        self.lanes: list[Lane] = []
        self._engine: Any = None
        self._runtime: Any = None
        self._logger: Any = None
        try:
            with self.gpu.active() as cuda:
                self._deserialize(trt, plan)
                self.shapes = _shapes(self._engine)
                for _ in range(lanes):
                    self.lanes.append(Lane(trt, self._engine, cuda, self._logger))
        except BaseException:
            self.close()
            raise

    def _deserialize(self, trt: Any, plan: bytes) -> None:
        self._logger = new_logger(trt)
        self._runtime = new_runtime(trt, self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None and ran_out_of_memory(self._logger):
            raise DeviceMemoryError(f"no room for the engine. {because(self._logger)}")
        if self._engine is None:
            raise EngineRefusedError(f"the engine was refused. {because(self._logger)}")

    def close(self) -> None:
        """Lanes first, then the engine, the runtime and the logger, and last the context."""
        with suppress(BackendError), self.gpu.active():  # a lost GPU has nothing to free
            while self.lanes:
                self.lanes.pop().close()
            self._engine = self._runtime = self._logger = None
        self.gpu.close()


class Runner:
    """Runs one engine.

    Two pictures can be on their way at once, each in a lane of its own: within one CUDA stream
    everything waits for what was queued before it, so overlap takes a second one. A batch uses
    both, and so do two threads.

    shapes: of the engine's inputs and outputs, by name, with N = 1.
    uses_graph: whether a picture's work is started as one CUDA graph.
    """

    def __init__(self, plan: bytes, *, graph: bool = False, lanes: int = LANES) -> None:
        """Open a serialized engine on the first GPU.

        Args:
            graph: start a picture's work by one recorded CUDA graph, where that can be had.

        Raises:
            EngineRefusedError: TensorRT does not take it.
            DeviceMemoryError: no room for it.
            BackendError, MissingDependencyError: the GPU or a library is not there.
        """
        opened = _Opened(plan, lanes)
        self._closing = weakref.finalize(self, opened.close)  # at exit too, if nobody closes
        self._gpu, self.shapes = opened.gpu, opened.shapes
        self._count = lanes
        self._free: LifoQueue[Lane | None] = LifoQueue()
        for lane in opened.lanes:
            self._free.put(lane)
        self.uses_graph = self.use_graph(wanted=True) if graph else False

    def infer(self, batch: ByteArray) -> Prediction:
        """Map (N, size, size, 3) uint8 RGB to (N, C) logits and (N, 2048) embeddings.

        Raises:
            DeviceLostError: the GPU failed, or the runner is closed.
            BackendError: TensorRT did not start the work.
        """
        with self._lanes(len(batch)) as lanes, self._gpu.active():
            done = list(_by_turns(lanes, batch))
        if len(done) == 1:
            return done[0]
        return Prediction(*(np.concatenate(rows) for rows in zip(*done, strict=True)))

    @contextmanager
    def _lanes(self, wanted: int) -> Iterator[list[Lane]]:
        """One lane, for which this waits, and up to `wanted` where more are free."""
        lanes = [self._take()]
        with suppress(Empty):
            while len(lanes) < wanted:
                lanes.append(self._take(wait=False))
        try:
            yield lanes
        finally:
            for lane in lanes:
                self._free.put(lane)

    def _take(self, *, wait: bool = True) -> Lane:
        lane = self._free.get(block=wait)
        if lane is None:
            self._free.put(None)  # for the next one who comes
            raise BackendError("the engine was closed; open the backend again")
        return lane

    def engine_times_ms(self, runs: int) -> npt.NDArray[np.float64]:
        """(runs,) milliseconds of the engine alone, by CUDA events; copies are left out."""
        with self._lanes(1) as (lane,), self._gpu.active():
            return lane.engine_times_ms(runs)

    def use_graph(self, wanted: bool) -> bool:
        """Turn CUDA graphs on or off while nobody else infers; whether they are on now."""
        with self._lanes(self._count) as lanes, self._gpu.active():
            for lane in lanes:
                lane.forget_graph()
            self.uses_graph = wanted and all(lane.record_graph() for lane in lanes)
            if not self.uses_graph:  # one without a graph: none keeps one
                for lane in lanes:
                    lane.forget_graph()
        return self.uses_graph

    def close(self) -> None:
        """Free everything, when what other threads have on its way is done. Twice is harmless."""
        with suppress(BackendError):  # closed already
            for _ in range(self._count):
                self._take()
            self._free.put(None)
        self._closing()


def _by_turns(lanes: list[Lane], batch: ByteArray) -> Iterator[Prediction]:
    """Send pictures through several lanes; results in order."""
    underway: deque[Lane] = deque()
    try:
        for i, square in enumerate(batch):
            if len(underway) == len(lanes):
                yield underway.popleft().finish()
            lanes[i % len(lanes)].start(square)
            underway.append(lanes[i % len(lanes)])
        while underway:
            yield underway.popleft().finish()
    finally:  # after an error nothing may be left in a lane that others will use
        for lane in underway:
            with suppress(Exception):
                lane.finish()


def _shapes(engine: Any) -> dict[str, tuple[int, ...]]:
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    return {name: plain(engine.get_tensor_shape(name)) for name in names}
