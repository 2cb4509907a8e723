"""Training on an NVIDIA GPU; skipped without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


@pytest.mark.parametrize("hold", ["device", "stream"])
def test_a_gpu_learns_about_what_a_processor_learns_and_says_how_busy_it_was(
    train: Callable[..., int], blobs: Path, steady_run: Path, tmp_path: Path, hold: str
):
    """bfloat16 against float32: near, not equal."""
    flags = ["--device", "cuda", "--lr", "0.0005", "--hold", hold, "--readers", "1"]

    assert train(blobs, tmp_path / "run", *flags) == 0

    one, other = (
        json.loads((run / "history.json").read_text()) for run in (steady_run, tmp_path / "run")
    )
    for row, gpu_row in zip(one, other, strict=True):
        assert gpu_row["training_loss"] == pytest.approx(row["training_loss"], rel=0.05)
        assert gpu_row["gpu_memory_gb"] > 0.1
