"""Running a graph: ONNX Runtime on the CPU, on device memory, when the stream comes to it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import fake_gpu
import numpy as np
import onnxruntime


def new_session(model: bytes) -> Any:
    """A session of one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def read_device(address: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array from device memory, whoever's it is.

    Raises:
        DeviceFault: the fake device has no such memory.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    other = other_pycuda()
    if other is None:
        flat = fake_gpu.memory.view(address, size).copy()
    else:
        flat = np.empty(size, np.uint8)
        other.memcpy_dtoh(flat, address)
    return flat.view(dtype).reshape(shape)


def write_device(address: int, array: np.ndarray) -> None:
    """Put an array into device memory.

    Raises:
        DeviceFault: the fake device has no such memory.
    """
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    other = other_pycuda()
    if other is None:
        fake_gpu.memory.view(address, flat.size)[:] = flat
    else:
        other.memcpy_htod(address, flat)


def other_pycuda() -> Any:
    """`pycuda.driver` if it is not the fake: the real one over some driver. Else None."""
    module = sys.modules.get("pycuda.driver")
    if module is None or getattr(module, "Error", None) is fake_gpu.errors.Error:
        return None
    return module


def has_current_context() -> bool:
    """Whether this thread has one, in whichever pycuda is in use."""
    other = other_pycuda()
    return (other.Context.get_current() if other else fake_gpu.current()) is not None


def launch(stream_handle: int, kernel: Callable[[], None]) -> bool:
    """Queue a kernel on a stream; False if there is no such stream.

    With another pycuda there is nothing to queue on: it runs at once, after what came before.
    """
    other = other_pycuda()
    if other is not None:
        other.Context.synchronize()
        kernel()
        return True
    stream = fake_gpu.streams.of_handle(stream_handle)
    if stream is None:
        return False
    fake_gpu.streams.enqueue(stream, kernel, float(fake_gpu.setting("kernel_ms")))
    return True


def is_recorded(stream_handle: int) -> bool:
    """Whether a graph is being recorded from a stream."""
    stream = None if other_pycuda() else fake_gpu.streams.of_handle(stream_handle)
    return stream is not None and stream.recording is not None


def in_half(array: np.ndarray) -> np.ndarray:
    """What is left of float32 values after float16."""
    if array.dtype != np.float32:
        return array
    return array.astype(np.float16).astype(np.float32)
