"""CUDA's errors in pycuda's words, and this fake's own complaint.

`src/cpp/cuda.hpp` of pycuda makes the message from the routine, the driver's text and a note;
`translate_cuda_error` in `wrap_cudadrv.cpp` chooses the class from the code.
"""

from __future__ import annotations


class RuleBroken(AssertionError):  # noqa: N818  # what it says is no error of the driver
    """The code under test did what this project forbids, though a real driver may let it pass."""


class DeviceFault(Exception):  # noqa: N818  # never reaches the code under test
    """A kernel or a queued copy touched memory it must not; from then on the context is lost."""


class Error(Exception):
    """Any failure of the driver."""


class MemoryError(Error):
    """No memory left. Not the built-in MemoryError, in pycuda neither."""


class LogicError(Error):
    """A call that was wrong, and every call after a fault on the device."""


class LaunchError(Error):
    """A kernel that could not be started."""


class RuntimeError(Error):
    """A missing device, or one that is not ready. Not the built-in RuntimeError."""


EXPORTED = (Error, MemoryError, LogicError, LaunchError, RuntimeError)
for _kind in EXPORTED:
    _kind.__module__ = "pycuda._driver"

# What cuGetErrorString says, and the class that pycuda chooses.
TEXTS = {
    "INVALID_VALUE": ("invalid argument", LogicError),
    "OUT_OF_MEMORY": ("out of memory", MemoryError),
    "NOT_INITIALIZED": ("initialization error", LogicError),
    "NO_DEVICE": ("no CUDA-capable device is detected", RuntimeError),
    "INVALID_DEVICE": ("invalid device ordinal", LogicError),
    "INVALID_CONTEXT": ("invalid device context", LogicError),
    "INVALID_HANDLE": ("invalid resource handle", LogicError),
    "NOT_READY": ("device not ready", RuntimeError),
    "ILLEGAL_ADDRESS": ("an illegal memory access was encountered", LogicError),
    "CAPTURING": ("operation not permitted when stream is capturing", LogicError),
    "LEGACY": (
        "operation would make the legacy stream depend on a capturing blocking stream",
        LogicError,
    ),
    "LAUNCH_FAILED": ("unspecified launch failure", LaunchError),
    "UNKNOWN": ("unknown error", Error),
}


def failure(routine: str, code: str, note: str = "") -> Error:
    """The exception for a failed driver call, to be raised."""
    text, kind = TEXTS[code]
    return kind(f"{routine} failed: {text}" + (f" - {note}" if note else ""))
