"""Pictures for the training tests: blobs of a class's colour, each another photograph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

COLOURS_BGR = {"Ruby": (60, 20, 200), "Peridot": (60, 190, 120), "Sapphire": (190, 70, 30)}


def draw_blob(colour_bgr: tuple[int, int, int], seed: int, size_px: int = 72) -> np.ndarray:
    """A noisy ellipse of one colour somewhere on a textured grey ground."""
    rng = np.random.default_rng(seed)
    picture = cv2.resize(rng.integers(90, 200, (6, 6, 3), dtype=np.uint8), (size_px, size_px))
    centre = tuple(int(v) for v in rng.integers(size_px // 3, 2 * size_px // 3, 2))
    axes = tuple(int(v) for v in rng.integers(size_px // 5, size_px // 3, 2))
    cv2.ellipse(picture, centre, axes, int(rng.integers(180)), 0, 360, colour_bgr, -1)
    noise = rng.integers(-12, 13, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def blob_folder(tmp_path: Path) -> Callable[[int], Path]:
    """Make a folder with `count` pictures of each of three classes."""

    def make(count: int) -> Path:
        for number, (name, colour) in enumerate(COLOURS_BGR.items()):
            (tmp_path / "blobs" / name).mkdir(parents=True)
            for index in range(count):
                picture = draw_blob(colour, seed=100 * number + index)
                cv2.imwrite(str(tmp_path / "blobs" / name / f"{index}.png"), picture)
        return tmp_path / "blobs"

    return make
