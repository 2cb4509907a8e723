"""Small pictures that travel inside a page."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2

from deploy.errors import PictureError
from deploy.pictures import read_picture
from deploy.preprocess import Framing, InputSpec, preprocess_picture

SIDE_PX = 144  # shown at 96, sharp on finer screens too
JPEG_QUALITY = 80


def thumbnail_uri(path: Path, framing: Framing) -> str:
    """The square of a picture that the network sees, as a JPEG in a data URI of some 5 kB.

    Nothing, where the file is gone or no picture any more.
    """
    try:
        square = preprocess_picture(read_picture(path), framing, InputSpec(SIDE_PX))
    except PictureError:
        return ""
    square_bgr = cv2.cvtColor(square, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", square_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
