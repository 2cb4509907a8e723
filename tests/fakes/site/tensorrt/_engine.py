"""Runtime, engine and execution context."""

from __future__ import annotations

from typing import Any

import fake_gpu

from tensorrt import _plan
from tensorrt._base import Dims, IHostMemory, numpy_of, require_cuda, say
from tensorrt._enums import ENUMS, DataType
from tensorrt._execution import IExecutionContext, Owner
from tensorrt._inspect import EngineInspector, layers_of
from tensorrt._record import Native, Stored
from tensorrt._run import new_session

MODES = ENUMS["TensorIOMode"]


class Runtime(Native):
    max_threads = Stored(1)
    DLA_core = Stored(-1)
    engine_host_code_allowed = Stored(False)
    temporary_directory = Stored("")

    def __init__(self, logger: Any) -> None:
        require_cuda(logger)
        self._logger = logger

    @property
    def logger(self) -> Any:
        return self._logger

    @property
    def num_DLA_cores(self) -> int:  # noqa: N802  # TensorRT's name
        return 0

    def deserialize_cuda_engine(self, serialized_engine: Any) -> Any:
        """An engine, or None with the reason logged."""
        found = _plan.unpacked(bytes(serialized_engine))
        trouble = found if isinstance(found, str) else _plan.misfit(found[0])
        if trouble:
            return say(self._logger, "ERROR", trouble)
        header, model = found
        if header["gpu"] != _plan.this_gpu()["gpu"]:
            say(self._logger, "WARNING", OTHER_MODEL)
        return new_engine(self._logger, header, model)


OTHER_MODEL = (
    "Using an engine plan file across different models of devices is not recommended and is "
    "likely to affect performance or even cause errors."
)


def new_engine(logger: Any, header: dict[str, Any], model: bytes) -> Any:
    """An engine with its weights on the device, or None where they do not fit."""
    try:
        address = fake_gpu.memory.allocate(len(model), "tensorrt")
    except fake_gpu.errors.MemoryError:
        return say(logger, "ERROR", out_of_memory(len(model)))
    engine = ICudaEngine._made(logger=logger, header=header, model=model, weights=address)
    engine.__dict__["_session"] = None
    return engine


def out_of_memory(size: int) -> str:
    """As TensorRT says it."""
    return f"Error Code 2: OutOfMemory (Requested size was {size} bytes.)"


class ICudaEngine(Owner):
    """_header: what the plan says; `io` is a list of {name, mode, dtype, shape, profile}."""

    @property
    def name(self) -> str:
        return "Unnamed Network 0"

    @property
    def num_io_tensors(self) -> int:
        return len(self._header["io"])

    @property
    def num_layers(self) -> int:
        return len(layers_of(self))

    @property
    def num_optimization_profiles(self) -> int:
        return 1

    @property
    def profiling_verbosity(self) -> Any:
        return getattr(ENUMS["ProfilingVerbosity"], self._header["verbosity"])

    @property
    def device_memory_size(self) -> int:
        return int(fake_gpu.setting("activations_mb") * 1024 * 1024)

    @property
    def device_memory_size_v2(self) -> int:
        return int(fake_gpu.setting("activations_mb") * 1024 * 1024)

    @property
    def streamable_weights_size(self) -> int:
        return 0

    @property
    def refittable(self) -> bool:
        return False

    @property
    def num_aux_streams(self) -> int:
        return 0

    @property
    def hardware_compatibility_level(self) -> Any:
        return ENUMS["HardwareCompatibilityLevel"].NONE

    def _io(self, name: str) -> dict[str, Any] | None:
        found = next((io for io in self._header["io"] if io["name"] == name), None)
        if found is None:
            say(self._logger, "ERROR", invalid_name(name))
        return found

    def get_tensor_name(self, index: int) -> str:
        return str(self._header["io"][index]["name"])

    def get_tensor_mode(self, name: str) -> Any:
        io = self._io(name)
        return getattr(MODES, io["mode"]) if io else MODES.NONE

    def get_tensor_shape(self, name: str) -> Dims:
        io = self._io(name)
        return Dims(io["shape"]) if io else Dims((-1,))

    def get_tensor_dtype(self, name: str) -> Any:
        io = self._io(name)
        return getattr(DataType, io["dtype"]) if io else DataType.FLOAT

    def get_tensor_location(self, name: str) -> Any:
        return ENUMS["TensorLocation"].DEVICE

    def get_tensor_format(self, name: str, profile_index: int = 0) -> Any:
        return ENUMS["TensorFormat"].LINEAR

    def get_tensor_format_desc(self, name: str, profile_index: int = 0) -> str:
        return f"Row major linear {self.get_tensor_dtype(name).name} format (kLINEAR)"

    def get_tensor_bytes_per_component(self, name: str, profile_index: int = 0) -> int:
        return int(numpy_of(self.get_tensor_dtype(name)).itemsize)

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:
        io = self._io(name)
        return [Dims(shape) for shape in io["profile"]] if io else []

    def is_shape_inference_io(self, name: str) -> bool:
        return False

    def serialize(self) -> IHostMemory:
        return IHostMemory(_plan.written(self._header, self._model))

    def create_engine_inspector(self) -> EngineInspector:
        found: EngineInspector = EngineInspector._made(engine=self)
        return found

    def create_execution_context(self, strategy: Any = None) -> Any:
        """A context with its own activations on the device; None where they do not fit."""
        size = self.device_memory_size_v2 if hasattr(self, "device_memory_size_v2") else 0
        size = size or self.device_memory_size
        if fake_gpu.setting("refuse_context"):
            return say(self._logger, "ERROR", out_of_memory(size))
        try:
            address = fake_gpu.memory.allocate(size, "tensorrt")
        except fake_gpu.errors.MemoryError:
            return say(self._logger, "ERROR", out_of_memory(size))
        return IExecutionContext._made(engine=self, weights=address, addresses={}, shapes={})

    def _opened(self) -> Any:
        if self._session is None:
            self.__dict__["_session"] = new_session(self._model)
        return self._session


def invalid_name(name: str) -> str:
    """As TensorRT says it."""
    return f"Given invalid tensor name: {name}. Get valid tensor names with getIOTensorName()"
