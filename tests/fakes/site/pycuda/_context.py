"""Devices and contexts: a stack of contexts for each thread."""

from __future__ import annotations

import threading

import fake_gpu

from pycuda._queues import ATTRIBUTES, ctx_flags, device_attribute

_started = False


def get_version() -> tuple[int, int, int]:
    """The CUDA that it was compiled with."""
    return (12, 6, 0)


def get_driver_version() -> int:
    """The CUDA that the driver brings, as 1000 * major + 10 * minor."""
    return 12060


def init(flags: int = 0) -> None:
    """Start the driver."""
    global _started
    cuda = fake_gpu.setting("cuda")
    if cuda != "ok":
        raise fake_gpu.failure("cuInit", "NO_DEVICE" if cuda == "absent" else "UNKNOWN")
    _started = True


def _require_start(routine: str) -> None:
    if not _started:
        raise fake_gpu.failure(routine, "NOT_INITIALIZED")


class Device:
    """The one device, number 0."""

    def __init__(self, number: int | str, /) -> None:
        _require_start("cuDeviceGet")
        if number not in (0, "0000:00:00.0"):
            raise fake_gpu.failure("cuDeviceGet", "INVALID_DEVICE")

    @staticmethod
    def count() -> int:
        _require_start("cuDeviceGetCount")
        return 1

    def name(self) -> str:
        return str(fake_gpu.setting("name"))

    def pci_bus_id(self) -> str:
        return "0000:00:00.0"

    def compute_capability(self) -> tuple[int, int]:
        major, minor = str(fake_gpu.setting("compute_capability")).split(".")
        return int(major), int(minor)

    def total_memory(self) -> int:
        return int(fake_gpu.setting("total_mb") * 1024 * 1024)

    def get_attribute(self, attribute: device_attribute, /) -> int:
        major, minor = self.compute_capability()
        known = {"COMPUTE_CAPABILITY_MAJOR": major, "COMPUTE_CAPABILITY_MINOR": minor, **ATTRIBUTES}
        return known[attribute.name]

    def retain_primary_context(self) -> Context:
        fake_gpu.streams.check("cuDevicePrimaryCtxRetain")
        fake_gpu.retain_primary()
        return Context._made()

    def make_context(self, flags: int | ctx_flags = 0) -> Context:
        """Refused: TensorRT uses the primary context, and handles of one are invalid in another."""
        raise fake_gpu.forbid("a context of its own was made: use retain_primary_context")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device)

    def __hash__(self) -> int:
        return 0


class Context:
    """A hold on the primary context.

    As in pycuda, it ends with `detach`, and what it owns can be freed only where this very
    object is current, or on the thread that made it.
    """

    _valid: bool
    _thread: int

    def __init__(self) -> None:
        raise RuntimeError("This class cannot be instantiated from Python")

    @classmethod
    def _made(cls) -> Context:
        self = cls.__new__(cls)
        self._valid, self._thread = True, threading.get_ident()
        return self

    def push(self) -> None:
        if not self._valid:
            raise fake_gpu.failure("cuCtxPushCurrent", "INVALID_CONTEXT")
        fake_gpu.stack().append(self)

    @staticmethod
    def pop() -> None:
        fake_gpu.current()
        if not fake_gpu.stack():
            raise fake_gpu.failure(
                "context::pop", "INVALID_CONTEXT", "cannot pop non-current context"
            )
        fake_gpu.stack().pop()

    def detach(self) -> None:
        """Let go; where it is current, the stack loses it too.

        On a thread that neither made it nor has it current this releases nothing.
        """
        if not self._valid:
            raise fake_gpu.failure(
                "context::detach", "INVALID_CONTEXT", "cannot detach from invalid context"
            )
        was_current = fake_gpu.current() is self
        if self._reachable():
            fake_gpu.release_primary()
        self._valid = False
        if was_current:
            fake_gpu.current()  # drops what is not valid

    def _reachable(self) -> bool:
        """Whether this thread may act in it."""
        return fake_gpu.current() is self or self._thread == threading.get_ident()

    @staticmethod
    def get_device() -> Device:
        fake_gpu.require_context("cuCtxGetDevice")
        return Device(0)

    @staticmethod
    def synchronize() -> None:
        fake_gpu.require_context("cuCtxSynchronize")
        fake_gpu.streams.forbid_while_recording("cuCtxSynchronize")
        fake_gpu.run_all(fake_gpu.streams.finish_all, "cuCtxSynchronize")

    @staticmethod
    def get_current() -> Context | None:
        found: Context | None = fake_gpu.current()
        return found

    @property
    def handle(self) -> int:
        return 0x5555_0000

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Context)

    def __hash__(self) -> int:
        return id(self)

    def __del__(self) -> None:
        if getattr(self, "_valid", False):
            self.detach()
