"""Copies between host and device."""

from __future__ import annotations

from typing import Any

import fake_gpu
import numpy as np

from pycuda._memory import DeviceAllocation, mem_alloc
from pycuda._queues import Stream, queue_of

POISON = 0xFF  # between an asynchronous copy's call and its end; as float32 not a number


def _flat(array: Any, *, writable: bool = False) -> np.ndarray:
    """(bytes,) uint8 over the memory of an array or buffer.

    Raises:
        ValueError: not contiguous, or read-only where it is to be written.
        TypeError: no buffer at all.
    """
    if not isinstance(array, np.ndarray):
        array = np.frombuffer(memoryview(array).cast("B"), np.uint8)
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        raise ValueError("ndarray is not contiguous")
    if writable and not array.flags.writeable:
        raise ValueError("buffer source array is read-only")
    order = "C" if array.flags.c_contiguous else "F"
    return array.reshape(-1, order=order).view(np.uint8)


def _address(pointer: Any) -> int:
    if isinstance(pointer, DeviceAllocation) or hasattr(pointer, "__index__"):
        return int(pointer)
    raise TypeError("Python argument types did not match C++ signature: no device address")


def _checked(routine: str, pointer: Any, size: int) -> int:
    fake_gpu.require_context(routine)
    address = _address(pointer)
    if not fake_gpu.memory.holds(address, size):
        raise fake_gpu.failure(routine, "INVALID_VALUE")
    return address


def _page_locked(flat: np.ndarray, routine: str) -> None:
    """This project's rule; a real driver would copy, only slowly, or wrongly."""
    if not fake_gpu.host.holds(flat):
        raise fake_gpu.forbid(f"{routine} from or to memory that is not page-locked")


def memcpy_htod_async(dest: Any, src: Any, stream: Stream | None = None) -> None:
    """Queue a copy; the source is read when it runs, not now."""
    flat, queue = _flat(src), queue_of(stream)
    address = _checked("cuMemcpyHtoDAsync", dest, flat.size)
    _page_locked(flat, "memcpy_htod_async")

    def run() -> None:
        _page_locked(flat, "memcpy_htod_async")  # freed while queued?
        fake_gpu.memory.view(address, flat.size)[:] = flat

    fake_gpu.streams.enqueue(queue, run)


def memcpy_dtoh_async(dest: Any, src: Any, stream: Stream | None = None) -> None:
    """Queue a copy; the destination holds poison until it has run."""
    flat, queue = _flat(dest, writable=True), queue_of(stream)
    address = _checked("cuMemcpyDtoHAsync", src, flat.size)
    _page_locked(flat, "memcpy_dtoh_async")

    def poison() -> None:
        flat[:] = POISON

    def run() -> None:
        _page_locked(flat, "memcpy_dtoh_async")
        flat[:] = fake_gpu.memory.view(address, flat.size)

    fake_gpu.streams.enqueue(queue, run, begin=poison)


def memcpy_dtod_async(dest: Any, src: Any, size: int, stream: Stream | None = None) -> None:
    to = _checked("cuMemcpyDtoDAsync", dest, size)
    start = _checked("cuMemcpyDtoDAsync", src, size)

    def run() -> None:
        fake_gpu.memory.view(to, size)[:] = fake_gpu.memory.view(start, size)

    fake_gpu.streams.enqueue(queue_of(stream), run)


def memset_d8_async(dest: Any, data: int, size: int, stream: Stream | None = None) -> None:
    to = _checked("cuMemsetD8Async", dest, size)

    def run() -> None:
        fake_gpu.memory.view(to, size)[:] = data

    fake_gpu.streams.enqueue(queue_of(stream), run)


def _at_once(routine: str, run: Any) -> None:
    """Work of the default stream that the caller waits for."""
    default = fake_gpu.streams.default
    fake_gpu.streams.enqueue(default, run)
    fake_gpu.run_all(lambda: fake_gpu.streams.finish(default), routine)


def memcpy_htod(dest: Any, src: Any) -> None:
    flat = _flat(src)
    to = _checked("cuMemcpyHtoD", dest, flat.size)

    def run() -> None:
        fake_gpu.memory.view(to, flat.size)[:] = flat

    _at_once("cuMemcpyHtoD", run)


def memcpy_dtoh(dest: Any, src: Any) -> None:
    flat = _flat(dest, writable=True)
    start = _checked("cuMemcpyDtoH", src, flat.size)

    def run() -> None:
        flat[:] = fake_gpu.memory.view(start, flat.size)

    _at_once("cuMemcpyDtoH", run)


def memcpy_dtod(dest: Any, src: Any, size: int) -> None:
    memcpy_dtod_async(dest, src, size)
    _at_once("cuMemcpyDtoD", lambda: None)


def memset_d8(dest: Any, data: int, size: int) -> None:
    memset_d8_async(dest, data, size)


def to_device(bf_obj: Any) -> DeviceAllocation:
    made = mem_alloc(_flat(bf_obj).size)
    memcpy_htod(made, bf_obj)
    return made


def from_device(devptr: Any, shape: Any, dtype: Any, order: str = "C") -> np.ndarray:
    array = np.empty(shape, dtype, order)
    memcpy_dtoh(array, devptr)
    return array
