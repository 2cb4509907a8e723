"""Loggers, the classes that Python implements, and plain values."""

from __future__ import annotations

import sys
from typing import Any

import fake_gpu
import numpy as np

from tensorrt._enums import ENUMS, DataType, Severity
from tensorrt._record import Stored


class TrampolineType(type):
    """pybind11 looks after construction whether the base class was initialised."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        obj = super().__call__(*args, **kwargs)
        if "_initialised" not in obj.__dict__:
            native = next(c.__name__ for c in cls.__mro__ if c.__module__.startswith("tensorrt"))
            raise TypeError(f"{native}.__init__() must be called when overriding __init__")
        return obj


class Trampoline(metaclass=TrampolineType):
    """A class that is there to be derived from in Python."""

    def __init__(self) -> None:
        self._initialised = True


def call_back(obj: Any, name: str, *args: Any, otherwise: Any = None) -> Any:
    """Call a method that Python implements; an exception goes to stderr, and the build goes on."""
    try:
        return getattr(obj, name)(*args)
    except Exception as exc:
        text = f"{type(exc).__name__}: {exc}"
        print(f"[ERROR] Exception caught in {name}(): {text}", file=sys.stderr)
        return otherwise


class ILogger(Trampoline):
    Severity = Severity

    def log(self, severity: Any, msg: str) -> None:
        raise NotImplementedError('Tried to call pure virtual function "ILogger::log"')


class Logger(ILogger):
    min_severity = Stored(Severity.WARNING)

    def __init__(self, min_severity: Any = Severity.WARNING) -> None:
        super().__init__()
        self.__dict__["_min_severity"] = min_severity

    def log(self, severity: Any, msg: str) -> None:
        if severity <= self.min_severity:
            print(f"[TRT] [{severity.name[0]}] {msg}", file=sys.stderr)


for _name, _member in Severity.__members__.items():
    setattr(ILogger, _name, _member)
    setattr(Logger, _name, _member)


def say(logger: Any, severity: str, text: str) -> None:
    """Log. No return value, so that `return say(...)` is a failure's None."""
    call_back(logger, "log", Severity.__members__[severity], text)


def cuda_starts(logger: Any) -> bool:
    """Whether CUDA can; if not, the reason is logged, and nowhere else to be had."""
    if fake_gpu.setting("cuda") == "ok" and fake_gpu.setting("tensorrt") == "ok":
        return True
    code = {"absent": 100, "broken": 999}.get(fake_gpu.setting("cuda"), 35)
    say(logger, "ERROR", f"CUDA initialization failure with error: {code}")
    return False


def require_cuda(logger: Any) -> None:
    """Fail as the binding does.

    Raises:
        TypeError: CUDA cannot start.
    """
    if not cuda_starts(logger):
        raise TypeError("pybind11::init(): factory function returned nullptr")


class IInt8Calibrator(Trampoline):
    _algorithm = ""

    def get_batch_size(self) -> int:
        raise NotImplementedError("pure virtual: get_batch_size")

    def get_batch(self, names: list[str]) -> Any:
        raise NotImplementedError("pure virtual: get_batch")

    def read_calibration_cache(self) -> Any:
        return None

    def write_calibration_cache(self, cache: Any) -> None:
        return None

    def get_algorithm(self) -> Any:
        return getattr(ENUMS["CalibrationAlgoType"], self._algorithm)


class IInt8EntropyCalibrator2(IInt8Calibrator):
    _algorithm = "ENTROPY_CALIBRATION_2"


class IInt8MinMaxCalibrator(IInt8Calibrator):
    _algorithm = "MINMAX_CALIBRATION"


class IProgressMonitor(Trampoline):
    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        raise NotImplementedError("pure virtual: phase_start")

    def step_complete(self, phase_name: str, step: int) -> bool:
        raise NotImplementedError("pure virtual: step_complete")

    def phase_finish(self, phase_name: str) -> None:
        raise NotImplementedError("pure virtual: phase_finish")


class IProfiler(Trampoline):
    def report_layer_time(self, layer_name: str, ms: float) -> None:
        raise NotImplementedError("pure virtual: report_layer_time")


class Dims:
    """A shape. Equal to tuples and lists only; comparing with anything else is a TypeError."""

    MAX_DIMS = 8
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, shape: Any = ()) -> None:
        self._shape = tuple(int(size) for size in shape)

    def __len__(self) -> int:
        return len(self._shape)

    def __getitem__(self, index: Any) -> Any:
        return self._shape[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (tuple, list)):
            raise TypeError("Dims.__eq__(): incompatible function arguments")
        return self._shape == tuple(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __str__(self) -> str:
        return str(self._shape)

    def __repr__(self) -> str:
        return str(self._shape)


class IHostMemory(bytearray):
    """Serialized bytes: a buffer with `nbytes`, and nothing else that bytes have.

    It is a bytearray underneath only because a Python class cannot offer a buffer before 3.12.
    """

    __len__ = __iter__ = __contains__ = __add__ = None  # type: ignore[assignment]
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in ("nbytes", "dtype"):
            raise AttributeError(f"'IHostMemory' object has no attribute '{name}'")
        return super().__getattribute__(name)

    def __getitem__(self, index: Any) -> Any:
        raise TypeError("'tensorrt.IHostMemory' object is not subscriptable")

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    @property
    def nbytes(self) -> int:
        return memoryview(self).nbytes

    @property
    def dtype(self) -> Any:
        return DataType.INT8


TYPES = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT8": np.int8,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
    "UINT8": np.uint8,
}


def numpy_of(data_type: Any) -> Any:
    """The NumPy type."""
    return np.dtype(TYPES[data_type.name])


def nptype(trt_type: Any) -> Any:
    """The NumPy type of a DataType."""
    return TYPES[trt_type.name]


def volume(iterable: Any) -> int:
    """How many elements a shape has."""
    return int(np.prod(list(iterable), dtype=np.int64))


def init_libnvinfer_plugins(logger: Any, namespace: str) -> bool:
    """There are no plugins to register."""
    return True


def data_type_of(onnx_type: int) -> Any:
    """The DataType of an ONNX element type, None where there is none."""
    known = {1: "FLOAT", 10: "HALF", 3: "INT8", 6: "INT32", 7: "INT64", 9: "BOOL", 2: "UINT8"}
    return getattr(DataType, known.get(onnx_type, ""), None)
