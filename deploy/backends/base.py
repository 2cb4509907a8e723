"""The face that every backend shows."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from deploy.arrays import ByteArray, FloatArray, Json
from deploy.errors import BatchError


class Prediction(NamedTuple):
    """logits: (N, C) float32, embedding: (N, 2048) float32."""

    logits: FloatArray
    embedding: FloatArray


def check_batch(batch: ByteArray, size_px: int) -> None:
    """Refuse what the network does not take.

    Raises:
        BatchError: not (N, size, size, 3) uint8 with N at least 1.
    """
    fits = batch.ndim == 4 and len(batch) and batch.shape[1:] == (size_px, size_px, 3)
    if batch.dtype != np.uint8 or not fits:
        raise BatchError(
            f"the model takes (N, {size_px}, {size_px}, 3) uint8, not {batch.shape} {batch.dtype}"
        )


class Backend(Protocol):
    """Runs one model of one bundle."""

    @property
    def name(self) -> str:
        """As given to --backend."""

    @property
    def precision(self) -> str:
        """ "int8", "fp16" or "fp32"."""

    def infer(self, batch: ByteArray) -> Prediction:
        """Map (N, size, size, 3) uint8 RGB to (N, C) logits and (N, 2048) embeddings.

        Raises:
            BatchError: the batch has another shape or type.
            BackendError: the device failed.
        """

    def close(self) -> None:
        """Release what the backend holds. Calling it twice is harmless."""

    def __enter__(self) -> Backend: ...

    def __exit__(self, *_: object) -> None: ...


@runtime_checkable
class TimesItsEngine(Protocol):
    """A backend whose model runs on a device that has a clock of its own."""

    def engine_times_ms(self, runs: int) -> npt.NDArray[np.float64]:
        """(runs,) milliseconds of the model alone on that device; copies are left out."""

    def engine_facts(self) -> Json:
        """What a measurement should name: recipe, sha256, gpu, tensorrt, cuda_graph."""
