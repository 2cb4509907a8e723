"""Which backend runs a bundle on this machine, and the proof that it runs it right."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from deploy.backends.base import Backend
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle
from deploy.errors import BackendError, GemscanError
from deploy.golden.check import check_golden

log = logging.getLogger(__name__)

AUTO, ONNX_CPU, TENSORRT = "auto", "onnx-cpu", "tensorrt"
BACKENDS = (AUTO, ONNX_CPU, TENSORRT)
PRECISIONS = ("auto", "int8", "fp16", "fp32")


def open_backend(
    bundle: Bundle, name: str = AUTO, precision: str = "auto", *, threads: int = 0
) -> Backend:
    """Open a backend, warm it up on the bundle's golden pictures, and compare.

    Args:
        name: one of BACKENDS; "auto" takes TensorRT where it is installed and works, else ONNX
            Runtime, and logs which and why.
        precision: one of PRECISIONS.
        threads: processor cores for one picture, where the processor computes; 0: all.

    Raises:
        BackendError: there is no such backend, or the golden pictures come out differently here.
        BundleError: the bundle does not hold this precision, or its model cannot be loaded.
        MissingDependencyError: the backend's library is not installed.
        KeyboardInterrupt: an engine had to be built first, and that was stopped.
    """
    if name not in BACKENDS:
        raise BackendError(f"there is no backend “{name}”; known are {', '.join(BACKENDS)}.")
    if name == AUTO:
        return _open_best(bundle, precision, threads)
    return _open(bundle, name, precision, threads)


def _open(bundle: Bundle, name: str, precision: str, threads: int) -> Backend:
    backend = _make(bundle, name, precision, threads)
    try:
        check_golden(bundle, backend)
    except BaseException:
        backend.close()
        raise
    return backend


def _make(bundle: Bundle, name: str, precision: str, threads: int) -> Backend:
    if name == TENSORRT:
        from deploy.backends.tensorrt import TensorRtBackend  # not loaded where it is not used

        return TensorRtBackend(bundle, precision)
    return OnnxCpuBackend(bundle, precision, threads=threads)


def _open_best(bundle: Bundle, precision: str, threads: int) -> Backend:
    problem = _why_not_tensorrt()
    if not problem:
        try:
            backend = _open(bundle, TENSORRT, precision, threads)
        except GemscanError as exc:
            problem = str(exc)
            log.warning("TensorRT is not used: %s", exc)
        else:
            log.info("backend: tensorrt, %s, the fastest here", backend.precision)
            return backend
    backend = _open(bundle, ONNX_CPU, precision, threads)
    log.info("backend: onnx-cpu, %s (%s)", backend.precision, problem.partition("\n")[0])
    return backend


def _why_not_tensorrt() -> str:
    """What is missing for it; empty where it is worth trying. Nothing is loaded to find out."""
    missing = [name for name in ("tensorrt", "pycuda") if not _installed(name)]
    return f"no {' and no '.join(missing)} here" if missing else ""


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # blocked: sys.modules holds None for it
        return False
