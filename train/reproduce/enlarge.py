"""The reference experiment's first step: every photograph becomes several pictures, as files.

They are split only afterwards, so that copies of one photograph teach and test. That is the
published order, kept on purpose; `gemscan reproduce` shows what it does to the result.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from deploy.errors import DataError, PictureError
from deploy.files import staged_folder, storage_errors
from deploy.folders import LabelledPicture
from deploy.pictures import read_picture
from deploy.preprocess import Framing, InputSpec, preprocess_picture
from train.loop.augment import random_affine, warp

JPEG_QUALITY = 95  # the study converted to JPEG, and does not say at which quality
MADE = re.compile(r"[0-9a-f]{16}-\d+\.jpg")
Progress = Callable[[Iterable[Any]], Iterable[Any]]


def enlarge(
    photographs: Sequence[LabelledPicture],
    out: Path,
    *,
    size_px: int,
    each: float,
    seed: int,
    framing: Framing,
    progress: Progress = iter,
) -> None:
    """Write OUT/CLASS/DIGEST-NUMBER.jpg: each photograph's square, then turned, shifted, scaled.

    The study does not report how far; the limits are those of `train.loop.augment`, without
    mirroring and without a change of light. Unreadable photographs are passed over.

    Args:
        size_px: side of a picture.
        each: pictures of one photograph on average, the unchanged one counted; 1 at least.

    Raises:
        DataError: the folder holds other files than an earlier call would have written.
        StorageError: no space, or no permission; no part of the folder is left then.
    """
    _refuse_foreign(out)
    with staged_folder(out) as stage:
        for number, photograph in enumerate(progress(photographs)):
            count = math.floor((number + 1) * each) - math.floor(number * each)
            try:
                picture_bgr = read_picture(photograph.path)
            except PictureError:
                continue
            square = preprocess_picture(picture_bgr, framing, InputSpec(size_px))
            copies = _copies(square, count, torch.Generator().manual_seed(seed + number))
            _write(stage / photograph.label, photograph.digest(), copies)


def _refuse_foreign(out: Path) -> None:
    """What stands there is replaced, so it must not be somebody's photographs."""
    if any(path.is_file() and not MADE.fullmatch(path.name) for path in out.rglob("*")):
        raise DataError(f"{out} holds files of another kind. Choose another --out, or move them.")


def source_digest(picture: Path) -> str:
    """The digest of the photograph that an enlarged picture shows."""
    return picture.stem.partition("-")[0]


def _copies(
    square_rgb: np.ndarray[Any, np.dtype[np.uint8]], count: int, generator: torch.Generator
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(count, S, S, 3) uint8 RGB, the first as it is."""
    planes = torch.from_numpy(square_rgb).permute(2, 0, 1).expand(count, -1, -1, -1)
    affine = random_affine(count, generator, mirror=False)
    affine[0] = torch.eye(2, 3)
    warped = warp(planes, square_rgb.shape[0], affine).round().clamp(0, 255)
    return warped.permute(0, 2, 3, 1).to(torch.uint8).numpy()


def _write(folder: Path, digest: str, copies: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(copies):
            bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
            encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
            (folder / f"{digest}-{number:02d}.jpg").write_bytes(encoded.tobytes())
