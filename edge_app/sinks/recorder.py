"""A video file of what the operator saw."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.errors import StorageError
from deploy.files import storage_errors

log = logging.getLogger(__name__)

CODECS = {".mp4": ("mp4v", "avc1"), ".avi": ("MJPG", "XVID")}  # the first that works here
RESERVE_BYTES = 64 << 20  # left free: for the file's index, and for the machine's own needs
CHECK_EVERY_S = 1.0


class RecorderSink:
    """Writes frames to an .mp4 or .avi file, which has its name only once it is whole.

    Trouble during the run never stops the scanner: the recording ends, with one line in the log.
    """

    def __init__(
        self, path: Path, fps: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is touched before the sink is entered.

        Args:
            path: the file to write; one that is there is replaced at the end.
            fps: the rate that the file states; one call of `show` is one frame of it.
        """
        self.name = f"recording {path.name}"
        self._path = path
        self._partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        self._fps = fps
        self._clock = clock
        self._checked_at = clock()
        self._codec = ""
        self._size = (0, 0)  # width, height
        self._writer: cv2.VideoWriter | None = None
        self._finished = False

    def show(self, image_bgr: ByteArray) -> bool:
        """Record one frame, at the size of the first one. Always True."""
        if not self._finished and self._has_room():
            writer = self._writer or self._open(image_bgr)
            if writer is not None:
                writer.write(self._at_size(image_bgr))
        return True

    def poll(self) -> bool:
        """Nobody can ask a file to stop. Always True."""
        return True

    def _at_size(self, image_bgr: ByteArray) -> ByteArray:
        if image_bgr.shape[1::-1] == self._size:
            return image_bgr
        return np.asarray(cv2.resize(image_bgr, self._size), np.uint8)

    def _has_room(self) -> bool:
        """OpenCV reports no error when a disk is full, so the space is watched here."""
        now = self._clock()
        if now - self._checked_at < CHECK_EVERY_S:
            return True
        self._checked_at = now
        problem = _room_problem(self._path.parent)
        if problem:
            log.warning("recording to %s stops: %s", self._path, problem)
            self._finish()
        return not problem

    def _open(self, image_bgr: ByteArray) -> cv2.VideoWriter | None:
        height, width = image_bgr.shape[:2]
        self._size = width, height
        self._writer = _open_writer(self._partial, self._codec, self._fps, self._size)
        if self._writer is None:
            log.warning("nothing is recorded: OpenCV cannot write %s", self._path)
            self._finished = True
        return self._writer

    def _finish(self) -> None:
        """Give the file its name if it can be played, else remove it."""
        self._finished = True
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        try:
            if _plays(self._partial):
                self._partial.replace(self._path)
                log.info("recorded %s", self._path)
            else:
                self._partial.unlink(missing_ok=True)
                log.warning("%s was not kept: what was recorded cannot be played", self._path)
        except OSError as exc:
            log.warning("the recording could not be named %s: %s", self._path, exc.strerror)

    def __enter__(self) -> RecorderSink:
        """Check all that can be known before the first frame.

        Raises:
            StorageError: unknown suffix, no such folder, no permission, no space, no codec.
        """
        with storage_errors(self._path):
            _check_place(self._path)
        self._codec = _working_codec(self._partial)
        self._checked_at = self._clock()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            self._finish()


def _check_place(path: Path) -> None:
    if path.suffix.lower() not in CODECS:
        raise StorageError(f"{path} cannot be recorded: name it .mp4 or .avi.")
    if not path.parent.is_dir():
        raise StorageError(f"{path} cannot be recorded: there is no folder {path.parent}. Make it.")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise StorageError(f"{path} cannot be written. Choose another place for the recording.")
    if problem := _room_problem(path.parent):
        raise StorageError(f"{path} cannot be recorded: {problem}.")


def _working_codec(partial: Path) -> str:
    """The first codec that this OpenCV can write into such a file, found by trying."""
    for codec in CODECS[partial.suffix.lower()]:
        writer = _open_writer(partial, codec, 30.0, (64, 64))
        if writer is not None:
            writer.release()
            partial.unlink(missing_ok=True)
            return codec
    partial.unlink(missing_ok=True)
    other = ".avi" if partial.suffix.lower() == ".mp4" else ".mp4"
    raise StorageError(
        f"this machine's OpenCV cannot write {partial.suffix} files. Name the recording {other}."
    )


def _open_writer(
    path: Path, codec: str, fps: float, size: tuple[int, int]
) -> cv2.VideoWriter | None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size)
    return writer if writer.isOpened() else None


def _plays(path: Path) -> bool:
    video = cv2.VideoCapture(str(path))
    try:
        return video.read()[0]
    finally:
        video.release()


def _room_problem(folder: Path) -> str:
    """Why a recording cannot go on there, and what to do; empty when it can."""
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError as exc:  # a disk that was unplugged
        return f"{folder} is not there any more ({exc.strerror}); check its disk"
    if free_bytes >= RESERVE_BYTES:
        return ""
    return f"less than {RESERVE_BYTES >> 20} MB are free in {folder}; free some space"
