"""Mixed precision: bfloat16 where the hardware multiplies it."""

from __future__ import annotations

from pathlib import Path

import torch

from train.settings import AUTO


def autocast(device: torch.device, precision: str = AUTO) -> torch.autocast:
    """The context for forward passes; it does nothing where bfloat16 is not fast, or not wanted.

    Args:
        precision: of `TrainSettings`.
    """
    enabled = precision == AUTO and _multiplies_bfloat16(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return "avx512_bf16" in _cpu_capability()


def _cpu_capability() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return ""
