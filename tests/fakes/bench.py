"""Building and running on the fakes in a few lines, for their own tests."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tests.fakes.net import SHAPE, float_model


def tensorrt() -> Any:
    return importlib.import_module("tensorrt")


def driver() -> Any:
    cuda = importlib.import_module("pycuda.driver")
    cuda.init()
    return cuda


@contextmanager
def active() -> Iterator[Any]:
    """`pycuda.driver` with the primary context current."""
    cuda = driver()
    context = cuda.Device(0).retain_primary_context()
    context.push()
    try:
        yield cuda
    finally:
        cuda.Context.pop()
        context.detach()


def in_thread(work: Callable[[], object]) -> Exception | None:
    """Run in another thread; what it raised, or None."""
    raised: list[Exception] = []

    def guarded() -> None:
        try:
            work()
        except Exception as exc:
            raised.append(exc)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    return raised[0] if raised else None


def new_log() -> Any:
    """A logger with `.said`, a list of (severity name, text), and `.errors()`."""
    trt = tensorrt()

    class Log(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.said: list[tuple[str, str]] = []

        def log(self, severity: Any, msg: str) -> None:
            self.said.append((severity.name, msg))

        def errors(self) -> str:
            return "\n".join(text for level, text in self.said if level == "ERROR")

    return Log()


class Bench:
    """A builder with a parsed network and a configuration.

    `parsed` says whether the parser took the file.
    """

    def __init__(self, onnx: bytes, *, shape: Any = SHAPE, typed: bool = False) -> None:
        trt = self.trt = tensorrt()
        self.log = new_log()
        self.builder = trt.Builder(self.log)
        creation = trt.NetworkDefinitionCreationFlag
        names = ("EXPLICIT_BATCH", *(["STRONGLY_TYPED"] if typed else []))
        wanted = [getattr(creation, name) for name in names if hasattr(creation, name)]
        self.network = self.builder.create_network(sum(1 << int(flag) for flag in wanted))
        self.parser = trt.OnnxParser(self.network, self.log)
        self.parsed = self.parser.parse(onnx)
        self.config = self.builder.create_builder_config()
        if shape is not None and self.parsed:
            self.profile = self.builder.create_optimization_profile()
            self.profile.set_shape("image", shape, shape, shape)
            self.config.add_optimization_profile(self.profile)

    def allow(self, *names: str) -> Bench:
        """Set those flags that this version has."""
        for name in names:
            flag = getattr(self.trt.BuilderFlag, name, None)
            if flag is not None:
                self.config.set_flag(flag)
        return self

    def build(self) -> Any:
        return self.builder.build_serialized_network(self.network, self.config)


def plan(onnx: bytes | None = None, *flags: str) -> bytes:
    """A serialized engine."""
    bench = Bench(onnx or float_model()).allow(*flags)
    return bytes(bench.build())


def opened(serialized: Any) -> tuple[Any, Any]:
    """(engine, log); the engine is None where it was refused."""
    log = new_log()
    return tensorrt().Runtime(log).deserialize_cuda_engine(serialized), log


class Rig:
    """An opened engine with a stream and buffers. Needs a current context; `close` it there."""

    def __init__(self, cuda: Any, serialized: Any) -> None:
        trt = tensorrt()
        self.cuda, self.log = cuda, new_log()
        self.engine = trt.Runtime(self.log).deserialize_cuda_engine(serialized)
        self.context = self.engine.create_execution_context()
        self.context.set_input_shape("image", SHAPE)
        self.stream = cuda.Stream()
        self.image = cuda.pagelocked_empty(SHAPE, np.uint8)
        self.logits = cuda.pagelocked_empty((1, 5), np.float32)
        sizes = {"image": self.image.nbytes, "logits": self.logits.nbytes, "embedding": 16}
        self.memory = {name: cuda.mem_alloc(size) for name, size in sizes.items()}
        for name, memory in self.memory.items():
            assert self.context.set_tensor_address(name, int(memory))

    def start(self, picture: Any) -> bool:
        """Queue everything for a picture."""
        self.image[:] = picture
        self.cuda.memcpy_htod_async(self.memory["image"], self.image, self.stream)
        started = bool(self.context.execute_async_v3(self.stream.handle))
        self.cuda.memcpy_dtoh_async(self.logits, self.memory["logits"], self.stream)
        return started

    def run(self, picture: Any) -> np.ndarray:
        """(1, 5) logits."""
        assert self.start(picture)
        self.stream.synchronize()
        return self.logits.copy()

    def close(self) -> None:
        for memory in self.memory.values():
            memory.free()
        self.image.base.free()
        self.logits.base.free()
        del self.context, self.engine, self.stream


def picture(seed: int = 0, largest: int = 255) -> np.ndarray:
    """(1, 8, 8, 3) uint8."""
    return np.random.default_rng(seed).integers(0, largest + 1, SHAPE, np.uint8)
