"""How busy the GPU is, and how much of its memory a run takes."""

from __future__ import annotations

import time

import torch

EVERY_S = 0.5


class GpuMeter:
    """Asks NVIDIA's driver now and then; on a CPU, and without nvidia-ml-py, it says None."""

    def __init__(self, device: torch.device) -> None:
        self._device = device if device.type == "cuda" else None
        self._seen: list[int] = []
        self._asked_at = 0.0

    def start(self) -> None:
        """Begin an epoch."""
        self._seen = []
        if self._device is not None:
            torch.cuda.reset_peak_memory_stats(self._device)

    def look(self) -> None:
        """Ask, unless that was done just before."""
        if self._device is None or time.monotonic() - self._asked_at < EVERY_S:
            return
        self._asked_at = time.monotonic()
        seen = _utilization(self._device)
        if seen is not None:
            self._seen.append(seen)

    def use(self) -> float | None:
        """Part of the time in which the GPU computed, 0 to 1, as NVIDIA's driver counts it."""
        return sum(self._seen) / len(self._seen) / 100 if self._seen else None

    def memory_gb(self) -> float | None:
        """Most memory that torch held since `start`, in 10^9 bytes."""
        if self._device is None:
            return None
        return torch.cuda.max_memory_allocated(self._device) / 1e9


def _utilization(device: torch.device) -> int | None:
    """Per cent; None without nvidia-ml-py, and from a driver that does not say."""
    try:
        from pynvml import NVMLError
    except ImportError:
        return None
    try:
        return torch.cuda.utilization(device)
    except (NVMLError, RuntimeError):
        return None
