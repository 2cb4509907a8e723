"""From an ONNX file to a serialized engine, in this process.

`deploy.engine.child` calls it in a process of its own: a build can take minutes, gigabytes, and on
a small board the whole process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from deploy.engine.bindings import (
    because,
    bound_memory,
    has_calibrators,
    leave_out_other_libraries,
    load_tensorrt,
    network_flags,
    new_builder,
    new_logger,
    new_monitor,
    set_precision,
)
from deploy.engine.recipe import CALIBRATOR, Recipe
from deploy.errors import BackendError

log = logging.getLogger(__name__)

INPUT = "image"
MOST_WORKSPACE = 1 << 30  # ample for ResNet-50
WORKSPACE_SHARE = 4  # of the free memory, one part in this many
TACTIC_SHARE = 2


# From the `tensorrt` module to a calibrator whose `finish()` frees what it holds, and raises what
# went wrong inside it: TensorRT would say nothing.
MakeCalibrator = Callable[[Any], Any]


class BuildError(BackendError):
    """TensorRT did not build an engine."""


class BuildCancelledError(BackendError):
    """A build was stopped because somebody asked for it."""


class Report(Protocol):
    """Hears how far a build is."""

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """A phase begins."""

    def step(self, phase: str, step: int) -> bool:
        """A step of it is done. False cancels the build."""

    def finish(self, phase: str) -> None:
        """A phase is over."""

    @property
    def cancelled(self) -> bool:
        """Whether `step` asked to cancel."""


@dataclass(frozen=True)
class Limits:
    """Memory in bytes that kernels may use, and that trying them out may."""

    workspace: int
    tactics: int


def limits_for(free_bytes: int, workspace_mb: int | None) -> Limits:
    """Limits that leave room on a board whose GPU shares its memory with everything else.

    Args:
        free_bytes: on the GPU now.
        workspace_mb: what the user asks for, or None: a quarter of what is free, 1 GiB at most.
    """
    asked = workspace_mb << 20 if workspace_mb else MOST_WORKSPACE
    workspace = asked if workspace_mb else min(asked, free_bytes // WORKSPACE_SHARE)
    return Limits(workspace, max(workspace, free_bytes // TACTIC_SHARE))


@dataclass(frozen=True)
class Built:
    """A serialized engine.

    plan: TensorRT's IHostMemory, whose bytes a memoryview shows.
    flags: what the builder was allowed to use, by TensorRT's names.
    timing_cache: what was measured, for a later build.
    """

    plan: Any
    flags: tuple[str, ...]
    timing_cache: bytes


def build_engine(
    onnx: bytes,
    recipe: Recipe,
    limits: Limits,
    *,
    report: Report,
    make_calibrator: MakeCalibrator | None = None,
    timing_cache: bytes = b"",
) -> Built:
    """Build an engine for batches of one picture. The GPU's context must be current.

    Args:
        onnx: the model, see `deploy.engine.forms.model_for`.
        make_calibrator: for the recipe that needs TensorRT's calibrator.
        timing_cache: what an earlier build measured; empty: nothing.

    Raises:
        BuildError: TensorRT refuses the model or finds no engine; with its own messages.
        BuildCancelledError: `report` asked for it.
    """
    trt = load_tensorrt()
    logger = new_logger(trt)  # like the monitor and the calibrator held until the build is over
    builder = new_builder(trt, logger)
    network = builder.create_network(network_flags(trt))
    _parse(trt, network, onnx, logger)
    config = builder.create_builder_config()
    flags = _configure(trt, config, recipe, limits)
    profile = _one_picture(builder, network, config)
    cache = _use_timing_cache(config, timing_cache)
    monitor = new_monitor(trt, report)
    if monitor is not None:
        config.progress_monitor = monitor
    with _calibrated(trt, config, profile, recipe, make_calibrator):
        plan = builder.build_serialized_network(network, config)
    if report.cancelled:
        raise BuildCancelledError("the build was cancelled")
    if plan is None:
        raise BuildError(f"TensorRT built no {recipe.name} engine. {because(logger)}")
    return Built(plan, tuple(flags), bytes(memoryview(cache.serialize())))


def _parse(trt: Any, network: Any, onnx: bytes, logger: Any) -> None:
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx):
        raise BuildError(f"TensorRT's parser refuses the model.\n  {_parse_errors(parser)}")


def _configure(trt: Any, config: Any, recipe: Recipe, limits: Limits) -> list[str]:
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # for `gemscan inspect`
    bound_memory(trt, config, limits.workspace, limits.tactics)
    leave_out_other_libraries(trt, config)
    return set_precision(trt, config, recipe.precision)


def _parse_errors(parser: Any) -> str:
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    said = [f"node {error.node()}: {error.desc()}" for error in errors]
    return "\n  ".join(said) or "It gives no reason."


def _one_picture(builder: Any, network: Any, config: Any) -> Any:
    """Fix the batch at one picture: what the live loop sends, and what is optimised best."""
    tensor = network.get_input(0)
    shape = (1, *(int(size) for size in tuple(tensor.shape)[1:]))
    profile = builder.create_optimization_profile()
    profile.set_shape(tensor.name, shape, shape, shape)
    if config.add_optimization_profile(profile) < 0:
        raise BuildError(f"TensorRT refuses {shape} for the input {tensor.name}")
    return profile


def _use_timing_cache(config: Any, stored: bytes) -> Any:
    """Give the builder what was measured earlier; another device's measurements are refused."""
    cache = config.create_timing_cache(stored)
    if cache is None or not config.set_timing_cache(cache, False):
        log.warning("the timing cache is of another device or TensorRT and is begun anew")
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return config.get_timing_cache()


@contextmanager
def _calibrated(
    trt: Any, config: Any, profile: Any, recipe: Recipe, make: MakeCalibrator | None
) -> Iterator[None]:
    """Give the builder its calibrator, and let that tell what happened when the build is over."""
    if recipe.method != CALIBRATOR:
        yield
        return
    if not has_calibrators(trt):
        raise BuildError(f"TensorRT {trt.__version__} has no calibrators: --int8 qdq")
    if make is None:
        raise BuildError("engines with TensorRT's calibrator are made by `gemscan build` alone")
    calibrator = make(trt)
    config.int8_calibrator = calibrator
    config.set_calibration_profile(profile)
    try:
        yield
    finally:
        calibrator.finish()
