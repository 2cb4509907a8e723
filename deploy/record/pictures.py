"""The pictures of a stone: what is kept, in which form, and where.

The frame and the crop are files, since they are hundreds of kilobytes that a limit removes: a
database would have to be rewritten to give that room back, and would be read and copied with all
of them. The thumbnail is a few kilobytes, is wanted with every list of stones, and stays, so it
lies in the database. So do the crops of taught stones: they are few, are never removed, and are
worth nothing without their row.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.errors import FrameError
from deploy.preprocess import check_frame
from deploy.record.place import PICTURES
from deploy.record.stones import Stone

FRAME, CROP = "frame", "crop"
# A training picture is decoded from it, so artefacts count more than bytes.
QUALITY, THUMBNAIL_QUALITY = 92, 80
THUMBNAIL_PX = 96
LONGEST_SIDE_PX = 65535  # of JPEG


def picture_path(folder: Path, laid_at: str, key: str, what: str) -> Path:
    """Where a stone's "frame" or "crop" lies in a record: in a folder for each day of UTC.

    Both texts are those of a `Stone`, which has checked them: no path leads out of the record.
    """
    return folder / PICTURES / laid_at[:10] / f"{key}-{what}.jpg"


def picture_paths(folder: Path, stone: Stone) -> tuple[Path, Path]:
    """Where a stone's frame and its crop lie."""
    frame, crop = (picture_path(folder, stone.laid_at, stone.key, w) for w in (FRAME, CROP))
    return frame, crop


def encode(image_bgr: ByteArray, quality: int = QUALITY) -> bytes:
    """A picture as JPEG.

    Args:
        image_bgr: (H, W, 3) uint8, BGR.
        quality: 1 to 100, as libjpeg's.

    Raises:
        FrameError: it has another shape or type, or a side above JPEG's 65,535 pixels.
    """
    check_picture(image_bgr)
    done, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise FrameError(f"a picture of {image_bgr.shape} cannot be written as JPEG")
    return data.tobytes()


def thumbnail(image_bgr: ByteArray, longest_px: int = THUMBNAIL_PX) -> bytes:
    """A small JPEG of (H, W, 3) uint8, BGR: its longer side has so many pixels at most."""
    height, width = image_bgr.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
    return encode(np.asarray(small, np.uint8), THUMBNAIL_QUALITY)


def check_picture(image_bgr: ByteArray) -> None:
    """Refuse what is no picture.

    Raises:
        FrameError: not (H, W, 3) uint8 with sides from 1 to `LONGEST_SIDE_PX`.
    """
    check_frame(image_bgr)
    if max(image_bgr.shape) > LONGEST_SIDE_PX:
        raise FrameError(f"a picture of {image_bgr.shape} is too large for JPEG")
