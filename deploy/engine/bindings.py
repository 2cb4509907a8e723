"""TensorRT's Python bindings, and all that differs between their versions.

Features are asked for by name, never by version number: JetPack brings 8.5 to 11. Names used
without asking are in every one of them; a contract test checks that against the recorded API.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from typing import Any

import numpy as np

from deploy.errors import BackendError, MissingDependencyError, require

log = logging.getLogger(__name__)

REMEDY = (
    "on a Jetson TensorRT is part of JetPack, which a virtual environment sees only when it was "
    "made with python3 -m venv --system-site-packages; on a PC: pip install 'gemscan[tensorrt]'. "
    "Without it gemscan runs on the processor: gemscan run --backend onnx-cpu"
)
MESSAGES_KEPT = 200
WORTH_KEEPING = ("INTERNAL_ERROR", "ERROR", "WARNING")
# Not needed by a ResNet, each takes memory, and TensorRT 11 has none of them.
OTHER_LIBRARIES = ("CUBLAS", "CUBLAS_LT", "CUDNN")


def load_tensorrt() -> Any:
    """The `tensorrt` module.

    Raises:
        MissingDependencyError: it, or a shared library under it, cannot be loaded, or it is
            older than 8.5.
    """
    trt = require("tensorrt", remedy=REMEDY)
    if not hasattr(trt.IExecutionContext, "execute_async_v3"):
        raise MissingDependencyError(
            f"TensorRT {trt.__version__} is too old: 8.5 is the first that will do.\n"
            "To fix it: update JetPack to 5.1 or later, or use --backend onnx-cpu"
        )
    return trt


def has_calibrators(trt: Any) -> bool:
    """Whether TensorRT can choose INT8 ranges itself; gone in 11."""
    return hasattr(trt, "IInt8EntropyCalibrator2") and hasattr(trt.BuilderFlag, "INT8")


def takes_types_from_file(trt: Any) -> bool:
    """Whether every network is strongly typed, so that float16 must be in the ONNX file; 11 on."""
    return not hasattr(trt.BuilderFlag, "FP16")


def new_logger(trt: Any) -> Any:
    """A TensorRT logger that keeps warnings and errors: most calls fail by value, and say why here.

    Returns:
        An ILogger with `messages`, a deque of (severity name, text), newest last, and
        `errors()`. It must outlive every object it was given to.
    """

    class CollectingLogger(trt.ILogger):  # type: ignore[misc]  # TensorRT has no types
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.messages: deque[tuple[str, str]] = deque(maxlen=MESSAGES_KEPT)

        def log(self, severity: Any, msg: str) -> None:
            if severity.name != "VERBOSE":  # a build has hundreds of thousands of these
                log.debug("TensorRT: %s", msg)
            if severity.name in WORTH_KEEPING:
                self.messages.append((severity.name, msg))

        def errors(self) -> list[str]:
            """What went wrong, oldest first."""
            return [text for level, text in self.messages if level != "WARNING"]

    return CollectingLogger()


def because(logger: Any) -> str:
    """The errors that TensorRT logged, for the end of a message."""
    said = list(dict.fromkeys(logger.errors()))
    return "\n  ".join(["TensorRT says:", *said]) if said else "TensorRT gives no reason."


def warnings(logger: Any, most: int = 5) -> list[str]:
    """What TensorRT warned of, each once, and how much more there was."""
    said = list(dict.fromkeys(text for level, text in logger.messages if level == "WARNING"))
    more = [f"{len(said) - most} more warnings"] if len(said) > most else []
    return said[:most] + more


def ran_out_of_memory(logger: Any) -> bool:
    """Whether that is what TensorRT logged: a file is not wrong because there is no room for it."""
    return any(re.search("out ?of ?memory", text, re.IGNORECASE) for text in logger.errors())


def new_builder(trt: Any, logger: Any) -> Any:
    """A Builder.

    Raises:
        BackendError: CUDA cannot start; the binding's own TypeError does not say so.
    """
    return _start(trt.Builder, logger)


def new_runtime(trt: Any, logger: Any) -> Any:
    """A Runtime.

    Raises:
        BackendError: CUDA cannot start.
    """
    return _start(trt.Runtime, logger)


def _start(kind: Any, logger: Any) -> Any:
    try:
        return kind(logger)
    except TypeError as exc:  # "factory function returned nullptr"; the cause is only logged
        raise BackendError(
            f"TensorRT cannot start on this computer's GPU. {because(logger)}"
        ) from exc


def network_flags(trt: Any) -> int:
    """For `create_network`: 8.x wants a batch axis in the network, later ones have no other."""
    explicit_batch = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    return 0 if explicit_batch is None else 1 << int(explicit_batch)


def set_precision(trt: Any, config: Any, precision: str) -> list[str]:
    """Allow the types of a precision where the builder is to choose them; what was set, by name.

    INT8 comes with FP16: what cannot run in INT8 would run in FP32 otherwise.
    """
    names = {"int8": ("INT8", "FP16"), "fp16": ("FP16",), "fp32": ()}[precision]
    flags = {name: getattr(trt.BuilderFlag, name, None) for name in names}
    for flag in flags.values():
        if flag is not None:
            config.set_flag(flag)
    return [name for name, flag in flags.items() if flag is not None]


def leave_out_other_libraries(trt: Any, config: Any) -> bool:
    """Choose among TensorRT's own kernels alone; whether it agrees."""
    sources = [getattr(trt.TacticSource, name, None) for name in OTHER_LIBRARIES]
    unwanted = sum(1 << int(source) for source in sources if source is not None)
    return bool(config.set_tactic_sources(config.get_tactic_sources() & ~unwanted))


def bound_memory(trt: Any, config: Any, workspace_bytes: int, tactic_bytes: int) -> None:
    """Limit what kernels may use, and what trying them out may."""
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_bytes)
    tactics = getattr(trt.MemoryPoolType, "TACTIC_DRAM", None)  # from 8.6 on
    if tactics is not None:
        config.set_memory_pool_limit(tactics, tactic_bytes)


def numpy_type(trt: Any, data_type: Any) -> Any:
    """The NumPy type of a network's input or output.

    `trt.nptype` is not used: on 8.5 it fails for every argument under NumPy 1.24 and later.

    Raises:
        BackendError: none that this project's models have.
    """
    known = {trt.DataType.UINT8: np.uint8, trt.DataType.FLOAT: np.float32}
    if data_type not in known:
        raise BackendError(f"the engine has an input or output of type {data_type}")
    return known[data_type]


def new_monitor(trt: Any, report: Any) -> Any:
    """A progress monitor, or None where TensorRT has none, which is before 10.

    Args:
        report: an object with `start(phase, parent, steps)`, `step(phase, step) -> bool`, False
            to cancel, and `finish(phase)`.
    """
    base = getattr(trt, "IProgressMonitor", None)
    if base is None:
        return None

    class Monitor(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            base.__init__(self)  # type: ignore[misc]  # without it TensorRT raises TypeError

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            report.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return bool(report.step(phase_name, step))

        def phase_finish(self, phase_name: str) -> None:
            report.finish(phase_name)

    return Monitor()
