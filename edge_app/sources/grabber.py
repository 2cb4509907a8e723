"""The process that holds a camera for `edge_app.sources.apart`: OpenCV, and nothing else.

OpenCV 4.5 and 4.6 wait for ever for a pipeline that has stopped delivering, and for one whose
element is missing. A process can be ended where a thread cannot; and what GStreamer and a vendor's
elements print stays out of the user's terminal.

It is told on its connection, in JSON, which camera to open: `what`, `api`, `live`. It answers
`{"fps": …}` or `{"closed": true}`, and then each `next` with a frame in the shared memory or with
`{"closed": true}`.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import cv2
import numpy as np

LEAVE_AFTER_S = 1.0
FIRST_S = 0.2  # a slow camera's first frame is kept for who asks at once


def main() -> None:
    """Serve the connection and the memory whose file descriptors are this program's arguments."""
    connection, memory = Connection(int(sys.argv[1])), int(sys.argv[2])
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        wanted = json.loads(connection.recv_bytes())
        capture = cv2.VideoCapture(wanted["what"], wanted["api"])
        if capture.isOpened():
            _say(connection, fps=capture.get(cv2.CAP_PROP_FPS))
            _serve(connection, capture, Shared(memory), live=wanted["live"])
        _say(connection, closed=True)
        capture.release()
    except (EOFError, OSError):
        pass  # nobody is there any more


def _serve(connection: Connection, capture: Any, shared: Shared, *, live: bool) -> None:
    """Answer until the camera ends.

    A live camera is read without a pause, so that a frame that is asked for is a new one,
    whatever OpenCV keeps waiting; what does not lose frames is read when it is asked for.
    """
    index = 0
    while True:
        if not live:
            connection.poll(None)
        elif index == 0:
            connection.poll(FIRST_S)
        if not capture.grab():
            return
        captured_at = time.monotonic()
        if connection.poll():
            connection.recv_bytes()
            _say(connection, shape=shared.retrieve(capture), at=captured_at, index=index)
        index += 1


class Shared:
    """Memory that both processes see, as large as the largest frame so far."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = 0
        self._frame: Any = np.empty(0, np.uint8)

    def retrieve(self, capture: Any) -> tuple[int, ...]:
        """Decode the grabbed frame into the memory, as BGR.

        Returns:
            (H, W, 3); (0,) where the frame cannot be decoded.
        """
        ok, image = capture.retrieve(self._frame if self._frame.size else None)
        if not ok:
            return (0,)
        if image is not self._frame:  # the first frame, another size, or one channel
            if image.ndim == 2 or image.shape[2] == 1:
                image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
            if image.shape != self._frame.shape:
                self._frame = self._mapped(image.shape)
            self._frame[:] = image
        return tuple(image.shape)

    def _mapped(self, shape: tuple[int, ...]) -> Any:
        size = int(np.prod(shape))
        if size > self._size:
            os.ftruncate(self._descriptor, size)
            self._size = size
        return np.frombuffer(mmap.mmap(self._descriptor, size), np.uint8).reshape(shape)


def _say(connection: Connection, **message: Any) -> None:
    connection.send_bytes(json.dumps(message).encode())


def _leave_with_parent() -> None:
    """Standard input ends when the parent closes it or dies: leave, whatever OpenCV is doing."""
    sys.stdin.buffer.read()
    time.sleep(LEAVE_AFTER_S)
    os._exit(1)
