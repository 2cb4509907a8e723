"""The execution context: shapes, addresses, and putting an inference on a stream."""

from __future__ import annotations

from typing import Any

import fake_gpu

from tensorrt._base import Dims, call_back, numpy_of, say
from tensorrt._enums import DataType
from tensorrt._inspect import layers_of
from tensorrt._record import Native, Stored
from tensorrt._run import (
    has_current_context,
    in_half,
    is_recorded,
    launch,
    read_device,
    write_device,
)

ALIGNMENT = 256


class Owner(Native):
    """Something with a piece of device memory that goes when it does."""

    _weights: int | None = None

    def __del__(self) -> None:
        if self._weights is not None:
            fake_gpu.streams.finish_all()
            fake_gpu.memory.release(self._weights)
            self.__dict__["_weights"] = None


class IExecutionContext(Owner):
    """_shapes, _addresses: what was set, by tensor name.

    _settled: whether it ran before, with these shapes: a first run allocates and initialises, and
    cannot be recorded.
    """

    _settled = False

    name = Stored("")
    debug_sync = Stored(False)
    profiler = Stored(None)
    enqueue_emits_profile = Stored(True)
    nvtx_verbosity = Stored(None)

    @property
    def engine(self) -> Any:
        return self._engine

    @property
    def active_optimization_profile(self) -> int:
        return 0

    @property
    def all_binding_shapes_specified(self) -> bool:
        return not self.infer_shapes()

    def _refuse(self, text: str) -> bool:
        say(
            self._engine._logger,
            "ERROR",
            f"IExecutionContext: Error Code 3: API Usage Error ({text})",
        )
        return False

    def set_input_shape(self, name: str, shape: Any) -> bool:
        io = self._engine._io(name)
        if io is None or io["mode"] != "INPUT":
            return self._refuse(f"Given name {name} is not an input")
        low, _, high = io["profile"]
        shape = tuple(shape)
        fits = len(shape) == len(low) and all(map(between, low, shape, high))
        if not fits:
            text = f"Set dimensions {shape} of {name} do not satisfy any optimization profiles"
            return self._refuse(text)
        if self._shapes.get(name) != shape:
            self._shapes[name], self.__dict__["_settled"] = shape, False
        return True

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if self._engine._io(name) is None:
            return False
        self._addresses[name] = int(memory)
        return True

    def get_tensor_address(self, name: str) -> int:
        return int(self._addresses.get(name, 0))

    def get_tensor_shape(self, name: str) -> Dims:
        io = self._engine._io(name)
        return Dims(self._shape_of(io)) if io else Dims((-1,))

    def _shape_of(self, io: dict[str, Any]) -> tuple[int, ...]:
        """A tensor's shape as set; an output's open sizes are the input's batch."""
        if io["mode"] == "INPUT":
            return tuple(self._shapes.get(io["name"], io["shape"]))
        first = next(i for i in self._engine._header["io"] if i["mode"] == "INPUT")
        batch = self._shape_of(first)[0]
        return tuple(batch if size == -1 else size for size in io["shape"])

    def infer_shapes(self) -> list[str]:
        """The inputs whose shapes are still open."""
        inputs = [io for io in self._engine._header["io"] if io["mode"] == "INPUT"]
        return [io["name"] for io in inputs if -1 in self._shape_of(io)]

    def execute_async_v3(self, stream_handle: int) -> bool:
        """Queue one inference; False, with the reason logged, where that cannot be."""
        trouble = self._trouble()
        if trouble:
            return self._refuse(trouble)
        if is_recorded(int(stream_handle)) and not self._settled:
            return self._refuse("Cuda Runtime (operation not permitted when stream is capturing)")
        self.__dict__["_settled"] = True
        if not launch(int(stream_handle), self._kernel()):
            return self._refuse("Cuda Runtime (invalid resource handle)")
        profiler = self.profiler
        for layer in layers_of(self._engine) if profiler else ():
            call_back(profiler, "report_layer_time", layer["Name"], 0.01)
        return True

    def execute_v2(self, bindings: Any) -> bool:
        """One inference, waited for; addresses in the order of the tensors."""
        names = [io["name"] for io in self._engine._header["io"]]
        self._addresses.update(zip(names, map(int, bindings), strict=True))
        if not self.execute_async_v3(0):
            return False
        fake_gpu.streams.finish(fake_gpu.streams.default)
        return not fake_gpu.streams.lost

    def _trouble(self) -> str | None:
        if not has_current_context():
            return "Cuda Runtime (invalid device context)"
        if fake_gpu.streams.lost:
            return "Cuda Runtime (an illegal memory access was encountered)"
        fake_gpu.launches += 1
        if fake_gpu.launches - 1 == fake_gpu.setting("unwilling_after"):
            return "the launch was refused, as the settings say"
        open_inputs = self.infer_shapes()
        if open_inputs:
            return f"Input shapes not specified: {open_inputs}"
        return self._bad_address()

    def _bad_address(self) -> str | None:
        for io in self._engine._header["io"]:
            address = self._addresses.get(io["name"], 0)
            if not address:
                return f"Address is not set for tensor {io['name']}"
            if address % ALIGNMENT and fake_gpu.memory.holds(address, 1):
                return f"Address of tensor {io['name']} is not aligned to {ALIGNMENT} bytes"
        return None

    def _kernel(self) -> Any:
        """What the stream will run: addresses and shapes are those of now."""
        addresses = dict(self._addresses)
        io = [(i, self._shape_of(i)) for i in self._engine._header["io"]]
        engine = self._engine

        def run() -> None:
            number, fake_gpu.inferences = fake_gpu.inferences, fake_gpu.inferences + 1
            if number == fake_gpu.setting("lose_after"):
                raise fake_gpu.DeviceFault("as the settings say")
            infer(engine, io, addresses)

        return run


def between(low: int, value: int, high: int) -> bool:
    """Whether a size is within a profile."""
    return low <= value <= high


def infer(engine: Any, io: list[Any], addresses: dict[str, int]) -> None:
    """Read inputs from the device, run, write outputs there.

    Raises:
        DeviceFault: an address is none.
    """
    types = {i["name"]: numpy_of(getattr(DataType, i["dtype"])) for i, _ in io}
    inputs = {
        i["name"]: read_device(addresses[i["name"]], shape, types[i["name"]])
        for i, shape in io
        if i["mode"] == "INPUT"
    }
    names = [i["name"] for i, _ in io if i["mode"] == "OUTPUT"]
    for name, array in zip(names, engine._opened().run(names, inputs), strict=True):
        rounded = in_half(array) if engine._header["half"] else array
        write_device(addresses[name], rounded.astype(types[name]))
