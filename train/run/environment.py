"""On what a run trained: the machine and the versions, noted when it starts or goes on."""

from __future__ import annotations

import json
import platform
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import torch
import torchvision

from deploy.arrays import Json
from deploy.files import write_json
from deploy.report.blocks import counted

ENVIRONMENT = "environment.json"


def note_environment(run: Path, device: torch.device) -> None:
    """Add a line to `RUN/environment.json`; a resumed run may go on elsewhere.

    Raises:
        StorageError: the file cannot be written.
    """
    write_json(run / ENVIRONMENT, [*read_environment(run), describe(device)])


def read_environment(run: Path) -> list[Json]:
    """The lines, oldest first; none for a run of an earlier version."""
    try:
        said = json.loads((run / ENVIRONMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [line for line in said if isinstance(line, dict)] if isinstance(said, list) else []


def describe(device: torch.device) -> Json:
    """When, on what, and with which versions."""
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "device": _device_name(device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return f"{_processor()}, {counted(torch.get_num_threads(), 'thread')}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
