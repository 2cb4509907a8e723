"""Mixed precision: bfloat16 where the hardware multiplies it."""

from __future__ import annotations

from pathlib import Path

import torch


def autocast(device: torch.device) -> torch.autocast:
    """The context for forward passes; it does nothing where bfloat16 is not fast."""
    return torch.autocast(device.type, torch.bfloat16, enabled=_multiplies_bfloat16(device))


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return "avx512_bf16" in _cpu_capability()


def _cpu_capability() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return ""
