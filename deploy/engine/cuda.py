"""The GPU, through `pycuda.driver` alone.

The primary context is used, the one that TensorRT's own CUDA runtime uses: with two contexts in a
process, handles of one are invalid in the other. It is made current around each piece of work and
not for good, so that any thread may come (the camera's, a web server's) and none leaves a context
behind at exit, which would abort the process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deploy.errors import (
    BackendError,
    DeviceLostError,
    DeviceMemoryError,
    require,
)
from deploy.memory import available_bytes

log = logging.getLogger(__name__)

REMEDY = (
    "with the compiler of CUDA at hand (on a Jetson: export PATH=/usr/local/cuda/bin:$PATH), "
    "pip install pycuda; or use --backend onnx-cpu"
)


def load_pycuda() -> Any:
    """The `pycuda.driver` module, started.

    Raises:
        MissingDependencyError: pycuda is not installed, or was compiled for another CUDA.
        BackendError: the driver finds no GPU that it can use.
    """
    # Kernels are loaded when they are first used: less memory, a quicker start. Before CUDA 12.2
    # that had to be asked for, and TensorRT warns where it was not.
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    cuda = require("pycuda.driver", remedy=REMEDY)
    try:
        cuda.init()
        count = cuda.Device.count()
    except cuda.Error as exc:
        raise BackendError(
            f"the NVIDIA driver cannot start: {exc}. Check that this user may use the GPU "
            "(groups video and render) and that the driver fits; or use --backend onnx-cpu"
        ) from exc
    if not count:
        raise BackendError("there is no NVIDIA GPU here. Use --backend onnx-cpu")
    return cuda


@dataclass(frozen=True)
class GpuModel:
    """Which GPU an engine is made for.

    name: the GPU's name and how many multiprocessors it has: every Orin is called "Orin", and a
        power mode can turn some of them off.
    capability: compute capability, as "8.7".
    """

    name: str
    capability: str


def first_gpu() -> GpuModel:
    """The GPU that is used. No context is made to find out, so this is quick.

    Raises:
        MissingDependencyError, BackendError: as `load_pycuda`.
    """
    cuda = load_pycuda()
    with typed_errors(cuda):
        device = cuda.Device(0)
        count = device.get_attribute(cuda.device_attribute.MULTIPROCESSOR_COUNT)
        capability = ".".join(str(part) for part in device.compute_capability())
        return GpuModel(f"{device.name()} ({count} SM)", capability)


class Gpu:
    """The first GPU's primary context, retained from construction to `close`."""

    def __init__(self) -> None:
        """Retain the primary context.

        Raises:
            MissingDependencyError, BackendError: as `load_pycuda`.
            DeviceMemoryError: no room for a context.
        """
        self.cuda = load_pycuda()
        with typed_errors(self.cuda):
            self._context: Any = self.cuda.Device(0).retain_primary_context()

    @contextmanager
    def active(self) -> Iterator[Any]:
        """Make the context current on this thread, and give `pycuda.driver`.

        Raises:
            DeviceMemoryError: the GPU has no room left.
            DeviceLostError: the GPU failed, or the context was closed.
        """
        if self._context is None:
            raise DeviceLostError("the GPU was closed; open the backend again")
        with typed_errors(self.cuda):
            self._context.push()
            try:
                yield self.cuda
            finally:
                self.cuda.Context.pop()

    def free_bytes(self) -> int:
        """What CUDA counts as free now."""
        with self.active() as cuda:
            return int(cuda.mem_get_info()[0])

    def obtainable_bytes(self) -> int:
        """What can be allocated now: on a GPU that shares the board's memory, more than is free.

        A Jetson's CUDA counts there what the kernel calls MemFree: without the page cache, which
        the kernel gives up when somebody asks for memory.
        """
        with self.active() as cuda:
            shared = cuda.Device(0).get_attribute(cuda.device_attribute.INTEGRATED)
        return max(self.free_bytes(), (available_bytes() or 0) if shared else 0)

    def close(self) -> None:
        """Release the context. Buffers must have been freed before. Twice is harmless."""
        context, self._context = self._context, None
        if context is None:
            return
        # pycuda releases a context only on the thread that made it, or where it is current.
        try:
            context.push()
        except self.cuda.Error as exc:
            log.debug("the GPU was lost before it was closed: %s", exc)
        finally:
            context.detach()

    def __enter__(self) -> Gpu:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def typed_errors(cuda: Any) -> Iterator[None]:
    """Turn pycuda's errors into this project's.

    pycuda's own MemoryError has nothing to do with the built-in one.

    Raises:
        DeviceMemoryError: out of memory.
        DeviceLostError: any other failure; CUDA reports it again for every later call.
    """
    try:
        yield
    except cuda.MemoryError as exc:
        raise DeviceMemoryError(
            f"the GPU has no memory left ({exc}). Close other programs; on a small board stop "
            "the desktop and add swap."
        ) from exc
    except cuda.Error as exc:
        raise DeviceLostError(f"the GPU failed: {exc}. Start gemscan again.") from exc


def release(what: Any) -> None:
    """Free a buffer while shutting down, when the GPU may be gone already."""
    try:
        what.free()
    except Exception as exc:  # nothing can be done about it, and close() must go on
        log.debug("could not be freed: %s", exc)
