"""float32 on the CPU: what every other model and backend is compared with."""

from __future__ import annotations

import logging

from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle
from deploy.engine.forms import float_model

log = logging.getLogger(__name__)


def open_reference(bundle: Bundle, *, threads: int = 0) -> OnnxCpuBackend:
    """The float32 model on ONNX Runtime.

    A bundle that holds INT8 alone still has a float form: the same graph without Q/DQ, whose
    weights are rounded to 8 bits. It shows what INT8 arithmetic costs, and not what rounding the
    weights did; a warning says so.

    Raises:
        BundleError: the model cannot be loaded.
        MissingDependencyError: ONNX Runtime, or for the float form onnx, is not installed.
    """
    if "fp32" in bundle.precisions:
        return OnnxCpuBackend(bundle, "fp32", threads=threads)
    log.warning(
        "%s holds no float32 model: the reference is its INT8 model without Q/DQ, whose weights "
        "are rounded to 8 bits",
        bundle.root,
    )
    return OnnxCpuBackend(bundle, "fp32", threads=threads, model=float_model(bundle))
