"""The range of every activation, measured on pictures with ONNX Runtime's calibrators."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from calibration.quantize import QUANTIZED, REMEDY, tensors_to_measure
from deploy.arrays import ByteArray
from deploy.errors import BundleError, require
from deploy.files import storage_errors

log = logging.getLogger(__name__)

# Percentile: NVIDIA's ResNet-50 loses 0.1 points at 99.99 and 0.8 at 99.9 (pytorch-quantization).
# Entropy: ONNX Runtime's own 128 bins for 128 levels leave its search one candidate, the full
# range, which is MinMax under another name; 2048 are what TensorRT's calibrator uses.
METHODS: dict[str, tuple[str, dict[str, object]]] = {
    "percentile": ("Percentile", {"symmetric": True, "num_bins": 2048, "percentile": 99.99}),
    "entropy": (
        "Entropy",
        {"symmetric": True, "num_bins": 2048, "num_quantized_bins": 128},
    ),
    "minmax": ("MinMax", {"symmetric": True}),
}


def measure_ranges(
    model_path: Path, batches: Iterable[ByteArray], method: str, *, threads: int = 0
) -> dict[str, tuple[float, float]]:
    """Run pictures through the float32 model and find the range of each tensor to quantize.

    Args:
        batches: each (N, size, size, 3) uint8, RGB. A calibrator keeps every intermediate
            tensor of what it is given at once, about 90 MB a picture for ResNet-50, so N is
            to be small.
        method: a key of METHODS.
        threads: for ONNX Runtime; 0 lets it decide.

    Returns:
        Tensor name to lowest and highest value.

    Raises:
        BundleError: the model computes something that is not a finite number.
        StorageError: no room for the model that is measured, in the folder for temporary files.
    """
    onnx = require("onnx", remedy=REMEDY)
    wanted = tensors_to_measure(onnx.load(str(model_path), load_external_data=False))
    with (
        storage_errors(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="gemscan-calibrate-") as folder,
    ):
        calibrator = _calibrator(model_path, Path(folder) / "augmented.onnx", method, threads)
        if hasattr(calibrator, "tensors_to_calibrate"):  # the histogram methods; saves half
            calibrator.tensors_to_calibrate &= wanted
        with _quiet():
            for batch in batches:
                calibrator.collect_data(_Reader([batch]))
            found = calibrator.compute_data()
    ranges = {name: _range(found[name]) for name in found if name in wanted}
    _refuse_infinite(ranges, model_path)
    return ranges


class _Reader:
    """What a calibrator reads from: `get_next` gives the inputs, and None at the end."""

    def __init__(self, batches: Iterable[ByteArray]) -> None:
        self._batches: Iterator[ByteArray] = iter(batches)

    def get_next(self) -> dict[str, ByteArray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def _calibrator(model_path: Path, augmented: Path, method: str, threads: int) -> Any:
    ort = require("onnxruntime", remedy=REMEDY)
    calibrate = require("onnxruntime.quantization.calibrate", remedy=REMEDY)
    kind, options = METHODS[method]
    calibrator = calibrate.create_calibrator(
        model_path,
        list(QUANTIZED),
        augmented_model_path=str(augmented),
        calibrate_method=calibrate.CalibrationMethod[kind],
        extra_options=options,
    )
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads  # the calibrator's own session takes every core
    calibrator.infer_session = ort.InferenceSession(
        str(augmented), settings, providers=["CPUExecutionProvider"]
    )
    return calibrator


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the calibrators print out of the command's result."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        yield
    log.debug("%s", printed.getvalue())


def _range(found: Any) -> tuple[float, float]:
    low, high = (float(np.asarray(value).reshape(-1)[0]) for value in found.range_value)
    if low == high == 0:  # always 0, as after a branch that training switched off
        return -1.0, 1.0  # any scale above 0 serves
    return low, high


def _refuse_infinite(ranges: dict[str, tuple[float, float]], model_path: Path) -> None:
    broken = [name for name, ends in ranges.items() if not np.isfinite(ends).all()]
    if broken:
        raise BundleError(
            f"{model_path} cannot be calibrated: the values of {broken[0]} are no finite numbers. "
            "Train the model again with a lower --lr."
        )
