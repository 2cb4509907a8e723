"""Which backend runs a bundle on this machine, and the proof that it runs it right."""

from __future__ import annotations

from deploy.backends.base import Backend
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle
from deploy.errors import BackendError
from deploy.golden import check_golden

BACKENDS = ("auto", "onnx-cpu")


def open_backend(
    bundle: Bundle, name: str = "auto", precision: str = "auto", *, threads: int = 0
) -> Backend:
    """Open a backend, warm it up on the bundle's golden pictures, and compare the logits.

    Raises:
        BackendError: there is no such backend, or the golden pictures come out differently here.
        BundleError: the bundle does not hold this precision, or its model cannot be loaded.
        MissingDependencyError: the backend's library is not installed.
    """
    if name not in BACKENDS:
        raise BackendError(f"there is no backend “{name}”; known are {', '.join(BACKENDS)}.")
    backend = OnnxCpuBackend(bundle, precision, threads=threads)
    check_golden(bundle, backend)
    return backend
