"""The small residual network, in the forms that the steps of calibration take it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from calibration.quantize import quantize
from calibration.ranges import measure_ranges
from deploy.bundle import Bundle
from tests.nets import draw_stones, drawn_squares, small_resnet, write_float_bundle


@pytest.fixture(scope="session")
def int8_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The INT8 form of the network as it is written to a file; made once, parsed by each test."""
    path = tmp_path_factory.mktemp("float") / "float.onnx"
    onnx.save(small_resnet(), str(path))
    squares = drawn_squares()
    ranges = measure_ranges(path, [squares[:6], squares[6:]], "percentile", threads=1)
    data: bytes = quantize(path, ranges).SerializeToString()
    return data


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    """The float32 network as a file."""
    onnx.save(small_resnet(), str(tmp_path / "float.onnx"))
    return tmp_path / "float.onnx"


@pytest.fixture
def squares() -> np.ndarray[Any, Any]:
    """(12, 64, 64, 3) uint8 RGB."""
    return drawn_squares()


@pytest.fixture
def stones(tmp_path: Path) -> Path:
    """A folder with ten drawn stones of each class; one class folder is spelt another way."""
    return draw_stones(tmp_path / "stones")


@pytest.fixture
def float_bundle(tmp_path: Path) -> Bundle:
    """A bundle as `gemscan export` leaves it: float32 alone, with golden pictures."""
    return write_float_bundle(tmp_path / "bundle")
