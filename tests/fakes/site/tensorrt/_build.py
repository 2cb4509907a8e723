"""What a build does: checks, calibration, steps that take time, and the plan."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from typing import Any

import fake_gpu

from tensorrt import _plan
from tensorrt._base import call_back, data_type_of, say
from tensorrt._calibrate import ILLEGAL, NO_SCALES, calibrated
from tensorrt._enums import IS_8
from tensorrt._graph import Graph

PRECISION_FLAGS = ("INT8", "FP16", "BF16", "FP8", "INT4")
UINT8 = 2
CREATION_FLAG_MISSING = (
    "Error Code 4: API Usage Error (createNetworkV2: kEXPLICIT_BATCH is required for a network "
    "that the ONNX parser fills)"
)


def plan_for(network: Any, config: Any, logger: Any) -> bytes | None:
    """The serialized engine; None, with the reason logged, where there is none."""
    trouble = fault(network, config)
    if trouble:
        return say(logger, "ERROR", trouble)
    graph: Graph = network._graph
    model: bytes | None = graph.model.SerializeToString()
    if config._has("INT8") and not graph.is_quantized():
        inputs = [calibration_input(network, config, name) for name in graph.inputs]
        model = calibrated(graph, config.int8_calibrator, inputs, logger)
    elif config._has("INT8") and getattr(config, "int8_calibrator", None) is not None:
        say(logger, "WARNING", "Calibrator won't be used in explicit precision mode.")
    if model is None or not take_steps(config, logger, model):
        return None
    return _plan.written(header(network, config), model)


def fault(network: Any, config: Any) -> str | None:
    """Why a network cannot be built with a configuration, in TensorRT's words where known."""
    if fake_gpu.streams.lost:
        return ILLEGAL
    graph = network._graph
    if graph is None:
        return "Error Code 4: Internal Error (Network must have at least one output)"
    checks = (typing_fault, type_fault, profile_fault)
    return next((text for check in checks if (text := check(network, config, graph))), None)


def typing_fault(network: Any, config: Any, graph: Graph) -> str | None:
    """Precision flags, which a network may need, or must not have."""
    if network._typed:
        wrong = [name for name in PRECISION_FLAGS if config._has(name)]
        what = f"Precision flags {wrong} cannot be set for a strongly typed network."
        return f"Error Code 3: API Usage Error ({what})" if wrong else None
    if IS_8 and not network._flags & 1:
        return CREATION_FLAG_MISSING
    if graph.is_quantized() and not config._has("INT8"):
        return (
            "Error Code 4: Internal Error (Int8 precision has been set for a layer or layer "
            "output, but int8 is not configured in the builder)"
        )
    needs_scales = config._has("INT8") and not graph.is_quantized()
    return NO_SCALES if needs_scales and config.int8_calibrator is None else None


def type_fault(network: Any, config: Any, graph: Graph) -> str | None:
    """An input of bytes may be read by a cast alone, says the layers' documentation."""
    for name in graph.inputs:
        others = [node.op_type for node in graph.readers(name) if node.op_type != "Cast"]
        if graph.types[name] == UINT8 and others:
            return f"Error Code 4: API Usage Error ({name}: {others[0]} cannot read type UINT8)"
    return None


def profile_fault(network: Any, config: Any, graph: Graph) -> str | None:
    """Open input sizes need a profile that fixes them."""
    for name, shape in network._input_shapes().items():
        if -1 not in shape:
            continue
        if not config._profiles:
            return (
                "Error Code 4: Internal Error (Network has dynamic or shape inputs, but no "
                "optimization profile has been defined.)"
            )
        for ranges in config._profiles[0]._ranges.get(name, [()]):
            fits = len(ranges) == len(shape) and all(
                size in (-1, given) for size, given in zip(shape, ranges, strict=True)
            )
            if not fits:
                return f"Error Code 4: API Usage Error ({name}: profile is missing values)"
    return None


def calibration_input(network: Any, config: Any, name: str) -> dict[str, Any]:
    """Name, type and shape in which an input is calibrated: static, or a profile's opt."""
    shape = network._graph.shapes[name]
    if -1 in shape:
        profile = config.get_calibration_profile() or config._profiles[0]
        shape = profile._ranges[name][1]
    return {"name": name, "shape": shape, "dtype": data_type_of(network._graph.types[name]).name}


def header(network: Any, config: Any) -> dict[str, Any]:
    """What the plan says of itself."""
    graph, half = network._graph, config._has("FP16")
    io = [io_of(network, config, name, "INPUT") for name in graph.inputs]
    io += [io_of(network, config, name, "OUTPUT") for name in graph.outputs]
    return {"io": io, "half": half, "verbosity": config.profiling_verbosity.name}


def io_of(network: Any, config: Any, name: str, mode: str) -> dict[str, Any]:
    """An input or output of the plan."""
    shape = list(network._graph.shapes[name])
    profile: list[Any] = [shape] * 3 if mode == "INPUT" else []
    if mode == "INPUT" and -1 in shape:
        profile = [list(size) for size in config._profiles[0]._ranges[name]]
    dtype = data_type_of(network._graph.types[name]).name
    return {"name": name, "mode": mode, "dtype": dtype, "shape": shape, "profile": profile}


def take_steps(config: Any, logger: Any, model: bytes) -> bool:
    """Spend the time, report the progress, and fail or die where the settings say so."""
    cache = config.get_timing_cache()
    digest = hashlib.sha256(model + str(config.flags).encode()).hexdigest()
    known = cache is not None and digest in cache._known
    steps, monitor = int(fake_gpu.setting("steps")), getattr(config, "progress_monitor", None)
    pause_s = 0.0 if known else fake_gpu.setting("build_s") / steps
    for phase, parent in (("Building engine", None), ("Tactic selection", "Building engine")):
        report(monitor, "phase_start", phase, parent, steps)
    going = all(one_step(monitor, step, pause_s) for step in range(steps))
    for phase in ("Tactic selection", "Building engine"):
        report(monitor, "phase_finish", phase)
    if not going:
        return bool(say(logger, "INFO", "Engine building was cancelled by the progress monitor."))
    if fake_gpu.setting("fail"):
        return bool(say(logger, "ERROR", fake_gpu.setting("fail")))
    if cache is not None:
        cache._known.add(digest)
    return True


def report(monitor: Any, name: str, *args: Any) -> None:
    """Tell the monitor, if there is one."""
    if monitor is not None:
        call_back(monitor, name, *args)


def one_step(monitor: Any, step: int, pause_s: float) -> bool:
    """One step of the search for tactics; False to stop."""
    if fake_gpu.setting("crash") and step == fake_gpu.setting("crash_step"):
        die(fake_gpu.setting("crash"))
    time.sleep(pause_s)
    if monitor is None:
        return True
    return bool(call_back(monitor, "step_complete", "Tactic selection", step, otherwise=False))


def die(how: str) -> None:
    """End this process as a build does that runs out of memory, or into a bug."""
    if how == "abort":
        os.abort()
    os.kill(os.getpid(), {"kill": signal.SIGKILL, "segfault": signal.SIGSEGV}[how])
