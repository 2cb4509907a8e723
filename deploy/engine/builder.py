"""From an ONNX file to a serialized engine, in this process.

`deploy.engine.child` calls it in a process of its own: a build can take minutes, gigabytes, and on
a small board the whole process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
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
    warnings,
)
from deploy.engine.recipe import CALIBRATOR, Recipe
from deploy.errors import BackendError

log = logging.getLogger(__name__)

# Ample for ResNet-50, and what it cannot do with less than. Kernels that need more are skipped.
LEAST_WORKSPACE, MOST_WORKSPACE = 256 << 20, 1 << 30
LEAST_TACTICS = 1 << 30
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


def limits_for(obtainable_bytes: int, workspace_mb: int | None) -> Limits:
    """Limits that leave room on a board whose GPU shares its memory with everything else.

    Args:
        obtainable_bytes: on the GPU now.
        workspace_mb: what the user asks for, or None: a quarter of what can be had, from 256 MiB
            to 1 GiB.
    """
    share = max(LEAST_WORKSPACE, min(MOST_WORKSPACE, obtainable_bytes // WORKSPACE_SHARE))
    workspace = workspace_mb << 20 if workspace_mb else share
    return Limits(workspace, max(workspace, LEAST_TACTICS, obtainable_bytes // TACTIC_SHARE))


@dataclass(frozen=True)
class Built:
    """A serialized engine.

    plan: TensorRT's IHostMemory, whose bytes a memoryview shows.
    flags: what the builder was allowed to use, by TensorRT's names.
    timing_cache: what was measured, for a later build; empty: there is nothing to keep.
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
    build = _Build(load_tensorrt(), recipe)
    build.parse(onnx)
    flags = build.allow(limits)
    cache = build.use_timing_cache(timing_cache)
    build.tell(report)
    build.calibrate_with(make_calibrator)
    plan = build.run(report)
    return Built(plan, tuple(flags), _serialized(cache))


class _Build:
    """One build. It holds what TensorRT does not, and must find alive until the end."""

    def __init__(self, trt: Any, recipe: Recipe) -> None:
        self._trt = trt
        self._recipe = recipe
        self._logger = new_logger(trt)
        self._builder = new_builder(trt, self._logger)
        self._network = self._builder.create_network(network_flags(trt))
        self._config = self._builder.create_builder_config()
        self._monitor: Any = None
        self._calibrator: Any = None

    def parse(self, onnx: bytes) -> None:
        """Read the model into the network."""
        parser = self._trt.OnnxParser(self._network, self._logger)
        if not parser.parse(onnx):
            raise BuildError(f"TensorRT's parser refuses the model.\n  {_parse_errors(parser)}")

    def allow(self, limits: Limits) -> list[str]:
        """Say what the builder may use; the flags that were set, by TensorRT's names."""
        trt, config = self._trt, self._config
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # for `gemscan inspect`
        bound_memory(trt, config, limits.workspace, limits.tactics)
        if not leave_out_other_libraries(trt, config):
            log.debug("TensorRT keeps its own choice of libraries")
        return set_precision(trt, config, self._recipe.precision)

    def use_timing_cache(self, stored: bytes) -> Any:
        """Give the builder what was measured earlier, on this device; the cache, or None.

        One of another device is neither used nor filled.
        """
        cache = self._config.create_timing_cache(stored)
        if cache is None or not self._config.set_timing_cache(cache, False):
            log.warning("the timing cache is of another device or TensorRT, or none: it is left")
            return None
        return self._config.get_timing_cache()

    def tell(self, report: Report) -> None:
        """Let `report` hear how far it is, where TensorRT tells it."""
        monitor = new_monitor(self._trt, report)
        if monitor is not None:
            self._config.progress_monitor = monitor
        self._monitor = monitor

    def calibrate_with(self, make: MakeCalibrator | None) -> None:
        """Give the builder the calibrator, for the recipe that needs one."""
        if self._recipe.method != CALIBRATOR:
            return
        if not has_calibrators(self._trt):
            raise BuildError(f"TensorRT {self._trt.__version__} has no calibrators: --int8 qdq")
        if make is None:
            raise BuildError("engines with TensorRT's calibrator are made by `gemscan build` alone")
        self._calibrator = make(self._trt)
        self._config.int8_calibrator = self._calibrator

    def run(self, report: Report) -> Any:
        """Build, and say what went wrong in TensorRT's words and the calibrator's."""
        plan = self._builder.build_serialized_network(self._network, self._config)
        complaint = self._finish_calibration()
        if report.cancelled:
            raise BuildCancelledError("the build was cancelled")
        if plan is None:
            why = f"TensorRT built no {self._recipe.name} engine. {because(self._logger)}"
            raise BuildError(f"{why}\n{complaint}" if complaint else why) from complaint
        if complaint is not None:
            raise complaint
        for warning in warnings(self._logger):
            log.info("TensorRT: %s", warning)
        return plan

    def _finish_calibration(self) -> BackendError | None:
        if self._calibrator is None:
            return None
        try:
            self._calibrator.finish()
        except BackendError as exc:
            return exc
        return None


def _parse_errors(parser: Any) -> str:
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    said = [f"node {error.node()}: {error.desc()}" for error in errors]
    return "\n  ".join(said) or "It gives no reason."


def _serialized(cache: Any) -> bytes:
    """A timing cache's bytes; nothing where there is no cache, or it cannot be written down."""
    data = None if cache is None else cache.serialize()
    return b"" if data is None else bytes(memoryview(data))
