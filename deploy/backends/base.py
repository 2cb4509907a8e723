"""The face that every backend shows."""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple, Protocol

from deploy.arrays import ByteArray, FloatArray


class Prediction(NamedTuple):
    """logits: (N, C) float32, embedding: (N, 2048) float32."""

    logits: FloatArray
    embedding: FloatArray


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
            BackendError: the batch has another shape or type, or the device failed.
        """

    def close(self) -> None:
        """Release what the backend holds. Calling it twice is harmless."""

    def __enter__(self) -> Backend: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
