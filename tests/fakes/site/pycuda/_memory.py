"""Device allocations and page-locked host memory."""

from __future__ import annotations

from typing import Any

import fake_gpu
import numpy as np

from pycuda._queues import clean_up, owning_context


class DeviceAllocation:
    """Memory of the device; int() gives its address."""

    def __init__(self) -> None:
        raise RuntimeError("This class cannot be instantiated from Python")

    @classmethod
    def _made(cls, size: int) -> DeviceAllocation:
        fake_gpu.require_context("cuMemAlloc")
        fake_gpu.streams.forbid_while_recording("cuMemAlloc")
        self = cls.__new__(cls)
        self._address = fake_gpu.memory.allocate(size)
        self._owner, self._valid = owning_context(), True
        return self

    def free(self) -> None:
        if not self._valid:
            raise fake_gpu.failure("device_allocation::free", "INVALID_HANDLE")
        clean_up("device_allocation", self._owner, self._release)
        self._valid = False

    def _release(self) -> None:
        fake_gpu.streams.finish_all()  # cuMemFree waits for the device
        fake_gpu.memory.release(self._address)

    def __int__(self) -> int:
        return self._address

    __index__ = __int__

    def __del__(self) -> None:
        if getattr(self, "_valid", False):
            self.free()


def mem_alloc(size: int, /) -> DeviceAllocation:
    """New memory of the device."""
    return DeviceAllocation._made(int(size))


def mem_alloc_like(ary: Any) -> DeviceAllocation:
    return mem_alloc(ary.nbytes)


def mem_get_info() -> tuple[int, int]:
    """(free, total) in bytes."""
    fake_gpu.require_context("cuMemGetInfo")
    return fake_gpu.memory.free_bytes(), int(fake_gpu.setting("total_mb") * 1024 * 1024)


class HostPointer:
    """Memory of the host that the driver knows of."""

    def __init__(self) -> None:
        raise RuntimeError("This class cannot be instantiated from Python")


class PagelockedHostAllocation(HostPointer):
    """Page-locked memory: the `base` of the arrays that `pagelocked_empty` gives."""

    @classmethod
    def _made(cls, size: int) -> PagelockedHostAllocation:
        fake_gpu.require_context("cuMemHostAlloc")
        fake_gpu.streams.forbid_while_recording("cuMemHostAlloc")
        self = cls.__new__(cls)
        self._block = fake_gpu.host.allocate(size)
        self._owner, self._valid = owning_context(), True
        return self

    def free(self) -> None:
        if not self._valid:
            raise fake_gpu.failure("pagelocked_host_allocation::free", "INVALID_HANDLE")
        clean_up("pagelocked_host_allocation", self._owner, self._release)
        self._valid = False

    def _release(self) -> None:
        fake_gpu.streams.finish_all()  # cuMemFreeHost waits for the device
        fake_gpu.host.release(self._block)

    def get_flags(self) -> int:
        return 0

    def __del__(self) -> None:
        if getattr(self, "_valid", False):
            self.free()


HostAllocation = PagelockedHostAllocation


def pagelocked_empty(shape: Any, dtype: Any, order: str = "C", mem_flags: int = 0) -> np.ndarray:
    """An array over page-locked memory, whose `base` frees it."""
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    allocation = PagelockedHostAllocation._made(size)
    # NumPy makes the object that has this attribute the array's base, while it looks it up.
    allocation.__array_interface__ = {
        "version": 3,
        "shape": shape,
        "typestr": dtype.str,
        "data": (allocation._block.__array_interface__["data"][0], False),
        "strides": np.ndarray(shape, dtype, order=order, buffer=allocation._block).strides,
    }
    array = np.asarray(allocation)
    del allocation.__array_interface__
    return array


def pagelocked_zeros(shape: Any, dtype: Any, order: str = "C", mem_flags: int = 0) -> np.ndarray:
    array = pagelocked_empty(shape, dtype, order, mem_flags)
    array.fill(0)
    return array


def pagelocked_empty_like(array: Any, mem_flags: int = 0) -> np.ndarray:
    return pagelocked_empty(array.shape, array.dtype, "C", mem_flags)
