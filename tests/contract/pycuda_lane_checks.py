"""A lane over the real pycuda and the stand-in driver, recorded as a CUDA graph."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from deploy.engine.bindings import load_tensorrt, new_logger
from deploy.engine.cuda import Gpu
from deploy.engine.lane import Lane
from tests.contract.pycuda_helpers import assert_nothing_left, check, count

IO = {"image": (1, 8, 8, 3), "logits": (1, 3), "embedding": (1, 40)}


class CopyingEngine:
    """An engine and its context in one: its outputs are its input's first bytes.

    It queues real work of the driver, so that it can be recorded, as the fake TensorRT's cannot.
    """

    num_io_tensors = len(IO)

    def __init__(self, trt: Any) -> None:
        self._trt = trt
        self._addresses: dict[str, int] = {}
        self._driver = ctypes.CDLL("libcuda.so.1")

    def create_execution_context(self) -> CopyingEngine:
        return self

    def get_tensor_name(self, index: int) -> str:
        return list(IO)[index]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return IO[name]

    def get_tensor_dtype(self, name: str) -> Any:
        return self._trt.DataType.UINT8 if name == "image" else self._trt.DataType.FLOAT

    def get_tensor_mode(self, name: str) -> Any:
        modes = self._trt.TensorIOMode
        return modes.INPUT if name == "image" else modes.OUTPUT

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        return shape == IO[name]

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        for name in ("logits", "embedding"):
            size = ctypes.c_size_t(4 * IO[name][1])
            pair = (ctypes.c_uint64(self._addresses[one]) for one in (name, "image"))
            stream = ctypes.c_void_p(stream_handle)
            if self._driver.cuMemcpyDtoDAsync_v2(*pair, size, stream) != 0:
                return False
        return True


def through(lane: Lane, square: np.ndarray) -> bytes:
    """The bytes that came out, which must be the first that went in."""
    lane.start(square)
    assert count("queued") > 0  # it has not run yet
    square = square.copy()
    seen = lane.finish()
    assert seen.logits.tobytes() == square.tobytes()[:12]
    return seen.embedding.tobytes()


@check
def a_lane_recorded_as_a_graph_gives_what_it_gave_without(cuda: Any) -> None:
    trt = load_tensorrt()
    squares = np.random.default_rng(3).integers(0, 256, (5, 8, 8, 3), np.uint8)
    expected = [square.tobytes()[:160] for square in squares]
    with Gpu() as gpu, gpu.active():
        lane = Lane(trt, CopyingEngine(trt), cuda, new_logger(trt))
        assert [through(lane, square) for square in squares] == expected
        for _ in range(2):
            assert lane.record_graph()
            made = count("allocations")
            assert [through(lane, square) for square in squares] == expected
            assert count("allocations") == made
            assert count("graph_exec") == 1
        lane.forget_graph()
        assert count("graph_exec") == 0
        assert [through(lane, square) for square in squares] == expected
        assert lane.record_graph()
        lane.close()
    assert_nothing_left()
