"""OpenCV and FFmpeg report on stderr what this project says in its own sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2

SILENT = 0
# Read by OpenCV when it first opens a video; -8 is FFmpeg's AV_LOG_QUIET.
FFMPEG_LOG = ("OPENCV_FFMPEG_LOGLEVEL", "-8")


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's log for a block. A build without the switch stays as loud as it is."""
    os.environ.setdefault(*FFMPEG_LOG)
    logging: Any = getattr(getattr(cv2, "utils", None), "logging", None) or cv2
    if not hasattr(logging, "setLogLevel"):
        yield
        return
    before = logging.getLogLevel()
    logging.setLogLevel(SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(before)
