"""From an ONNX file to a serialized engine, on four TensorRTs."""

from __future__ import annotations

from dataclasses import dataclass, field

import onnx
import pytest

from deploy.bundle import Bundle
from deploy.engine.bindings import load_tensorrt, takes_types_from_file
from deploy.engine.builder import (
    MOST_WORKSPACE,
    BuildCancelledError,
    BuildError,
    Limits,
    build_engine,
    limits_for,
)
from deploy.engine.cuda import Gpu
from deploy.engine.forms import model_for
from deploy.engine.recipe import FP16, FP32, INT8_CALIBRATOR, INT8_QDQ
from deploy.errors import BackendError, DeviceMemoryError, MissingDependencyError

LIMITS = Limits(64 << 20, 128 << 20)
only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


@dataclass
class Heard:
    """Remembers the phases, and cancels after some steps."""

    cancel_after: int = 10**9
    steps: int = 0
    phases: list[str] = field(default_factory=list)
    cancelled: bool = False

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        self.phases.append(phase)

    def step(self, phase: str, step: int) -> bool:
        self.steps += 1
        self.cancelled = self.steps >= self.cancel_after
        return not self.cancelled

    def finish(self, phase: str) -> None:
        self.phases.append(f"end of {phase}")


def build(onnx_bytes: bytes, recipe, report=None, **words):
    with Gpu() as gpu, gpu.active():
        return build_engine(onnx_bytes, recipe, LIMITS, report=report or Heard(), **words)


@pytest.mark.parametrize("recipe", [INT8_QDQ, FP16, FP32], ids=lambda recipe: recipe.name)
def test_every_precision_is_built_with_the_flags_that_this_tensorrt_has(
    tensorrt_pose, bundle: Bundle, recipe
):
    half = recipe is FP16 and takes_types_from_file(load_tensorrt())

    built = build(model_for(bundle, recipe, half=half), recipe)

    wanted = {"int8-qdq": ("INT8", "FP16"), "fp16": ("FP16",), "fp32": ()}[recipe.name]
    assert built.flags == (() if tensorrt_pose.version == "11.4" else wanted)
    assert len(bytes(built.plan)) > 1000
    assert built.timing_cache


def test_progress_is_heard_where_tensorrt_tells_it(tensorrt_pose, bundle: Bundle):
    heard = Heard()

    build(model_for(bundle, FP32), FP32, heard)

    assert bool(heard.steps) == (tensorrt_pose.version != "8.6")
    ends = sum(phase.startswith("end of") for phase in heard.phases)
    assert ends == len(heard.phases) / 2


@only_10
def test_a_cancelled_build_says_so_and_gives_no_engine(tensorrt_pose, bundle: Bundle):
    with pytest.raises(BuildCancelledError):
        build(model_for(bundle, FP32), FP32, Heard(cancel_after=2))


def test_what_the_parser_refuses_is_told_in_its_own_words(tensorrt_pose):
    with pytest.raises(BuildError, match="parser refuses the model"):
        build(b"this is no model", FP32)


@only_10
def test_a_zero_point_other_than_zero_is_refused_by_the_parser(tensorrt_pose, bundle: Bundle):
    model = onnx.load_from_string(model_for(bundle, INT8_QDQ))
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8 and not tensor.dims:
            tensor.CopyFrom(onnx.helper.make_tensor(tensor.name, tensor.data_type, [], [3]))

    with pytest.raises(BuildError, match="zero"):
        build(model.SerializeToString(), INT8_QDQ)


def test_a_build_that_fails_ends_with_tensorrts_message(tensorrt_pose, bundle: Bundle):
    tensorrt_pose.gpu.configure(fail="Could not find any implementation for node conv1")

    with pytest.raises(BuildError, match=r"no fp32 engine(.|\n)*any implementation for node conv1"):
        build(model_for(bundle, FP32), FP32)


@only_10
def test_a_gpu_that_tensorrt_cannot_use_is_told_with_the_cause(tensorrt_pose, bundle: Bundle):
    """The binding's own error is "factory function returned nullptr"."""
    tensorrt_pose.gpu.configure(tensorrt="broken")

    with pytest.raises(BackendError, match=r"cannot start(.|\n)*TensorRT says"):
        build(model_for(bundle, FP32), FP32)


@only_10
@pytest.mark.parametrize("state", ["absent", "broken"])
def test_a_machine_without_a_gpu_is_told_what_to_do(tensorrt_pose, state):
    tensorrt_pose.gpu.configure(cuda=state)

    with pytest.raises(BackendError, match="onnx-cpu"):
        Gpu()


@only_10
def test_a_gpu_without_room_is_told_as_memory(tensorrt_pose):
    tensorrt_pose.gpu.configure(free_mb=1)

    with Gpu() as gpu, pytest.raises(DeviceMemoryError, match="no memory left"), gpu.active() as c:
        c.mem_alloc(64 << 20)


@only_10
def test_a_tensorrt_before_8_5_is_refused(tensorrt_pose, monkeypatch):
    monkeypatch.delattr(load_tensorrt().IExecutionContext, "execute_async_v3")

    with pytest.raises(MissingDependencyError, match=r"too old: 8\.5"):
        load_tensorrt()


@only_10
def test_a_timing_cache_of_another_device_is_neither_used_nor_filled(
    tensorrt_pose, bundle: Bundle, caplog
):
    own = build(model_for(bundle, FP32), FP32).timing_cache
    build(model_for(bundle, FP32), FP32, timing_cache=own)
    assert "timing cache" not in caplog.text

    again = build(model_for(bundle, FP32), FP32, timing_cache=b"measured elsewhere")

    assert "it is left" in caplog.text
    assert again.timing_cache == b""


def test_the_calibrator_is_refused_where_there_is_none(tensorrt_pose, bundle: Bundle):
    why = "has no calibrators" if tensorrt_pose.version == "11.4" else "`gemscan build` alone"
    with pytest.raises(BuildError, match=why):
        build(model_for(bundle, FP32), INT8_CALIBRATOR)


def test_memory_limits_leave_room_on_a_small_board():
    tiny, small, large = (limits_for(n << 30, None) for n in (0, 3, 64))

    assert tiny == Limits(256 << 20, 1 << 30)  # less would skip kernels for no reason
    assert small == Limits(768 << 20, 3 << 29)
    assert large == Limits(MOST_WORKSPACE, 32 << 30)
    assert limits_for(3 << 30, 700).workspace == 700 << 20


@only_10
def test_the_limits_reach_the_builder(tensorrt_pose, bundle: Bundle, monkeypatch):
    trt = load_tensorrt()
    said: dict[str, int] = {}
    real = trt.IBuilderConfig.set_memory_pool_limit

    def remember(self, pool, size):
        said[pool.name] = size
        return real(self, pool, size)

    monkeypatch.setattr(trt.IBuilderConfig, "set_memory_pool_limit", remember)
    build(model_for(bundle, FP32), FP32)

    assert said == {"WORKSPACE": LIMITS.workspace, "TACTIC_DRAM": LIMITS.tactics}
