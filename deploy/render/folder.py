"""A folder of drawn stones, one folder per class, as training and calibration read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.errors import DataError
from deploy.files import write_bytes
from deploy.progress import shown
from deploy.render.stone import render_stone

_JPEG_QUALITY = 95


def render_folder(
    out: Path, classes: Sequence[str], per_class: int, seed: int = 0, size_px: int = 288
) -> int:
    """Draw `per_class` pictures of each class as OUT/CLASS/class_000.jpg.

    A picture depends on seed, class and number alone: more pictures, or more classes, leave the
    others as they were.

    Returns:
        How many pictures were written.

    Raises:
        DataError: a class name cannot be the name of a folder.
        StorageError: one cannot be written. Those that are there are whole.
    """
    for label in classes:
        _check_name(label)
    jobs = [(label, number) for label in classes for number in range(per_class)]
    for label, number in shown(jobs, "drawing stones"):
        rng = np.random.default_rng([seed, number, *label.encode()])
        stem = label.lower().replace(" ", "_")
        write_bytes(
            out / label / f"{stem}_{number:03d}.jpg", _jpeg(render_stone(label, rng, size_px))
        )
    return len(jobs)


def _check_name(label: str) -> None:
    if label.startswith(".") or any(sign in label for sign in "/\\\0"):
        raise DataError(f"“{label}” cannot be the name of a class folder. Change it in the list.")


def _jpeg(picture_bgr: ByteArray) -> bytes:
    _, data = cv2.imencode(".jpg", picture_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()
