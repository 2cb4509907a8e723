"""`history.json`: one line an epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochResult:
    """One line of `history.json`. Training accuracy is on the pictures as they were shown.

    images_per_s: that taught, of all processes together, validation not counted.
    gpu_use: part of the time in which the GPU computed, 0 to 1; None without one, or where
        nvidia-ml-py is missing.
    gpu_memory_gb: most memory that torch held on it in this epoch, 10^9 bytes.
    """

    epoch: int
    learning_rate: float
    training_loss: float
    training_top1: float
    validation_loss: float
    validation_top1: float
    images_per_s: float
    gpu_use: float | None = None
    gpu_memory_gb: float | None = None
