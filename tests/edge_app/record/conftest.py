"""Stones to record, made up; pictures of noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deploy.decision import Candidate, Verdict
from deploy.record.stones import Setup, Stone, utc_now
from edge_app.record.files import StonePictures

SETUP = Setup("gems15", "1", "d" * 64, "onnx-cpu", "int8", "usb-cam", profile_at="2026-01-01")


@pytest.fixture
def stone() -> Callable[..., Stone]:
    """Makes a stone that was named; keywords change what is given."""

    def make(label: str = "Ruby", kind: str = "name", **given: Any) -> Stone:
        candidates = (Candidate(label, 0.9), Candidate("Spinel", 0.08))
        verdict = Verdict(kind, candidates, 2 if kind == "list" else 0)
        now = utc_now()
        said: dict[str, Any] = {
            "verdict": verdict,
            "laid_at": now,
            "lifted_at": now,
            "seconds": 0.4,
            "setup": SETUP,
            "embedding": np.linspace(0, 3, 2048, dtype=np.float32),
        }
        return Stone(**(said | given))

    return make


@pytest.fixture
def pictures() -> StonePictures:
    """A frame of 96 x 128 pixels and a crop of 48."""
    pixels = np.random.default_rng(3)
    return StonePictures(
        pixels.integers(0, 255, (96, 128, 3), dtype=np.uint8),
        pixels.integers(0, 255, (48, 48, 3), dtype=np.uint8),
    )
