"""A camera held by a process of its own, so that every wait for it has an end.

See `edge_app.sources.grabber` for what that process does, and why.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from typing import Any

import numpy as np

from deploy.errors import CameraError
from edge_app.sources.base import Frame
from edge_app.sources.mask import masked

OPEN_S = 10.0
READ_S = 2.0
LONGEST_READ_S = 10.0  # for cameras of less than one frame a second
CLOSE_S = 1.5  # a camera may need a moment to stop; then its process is ended
SLICE_S = 0.1
KEPT_CHARACTERS = 4000
# Without the present folder, from which Python would take modules first.
PROGRAM = (
    "import sys; sys.path = [entry for entry in sys.path if entry]; "
    "from edge_app.sources.grabber import main; main()"
)
# GStreamer names a missing element, or one that fails, at its level 1 alone.
LOGGING = {"GST_DEBUG": "1", "GST_DEBUG_NO_COLOR": "1", "OPENCV_FFMPEG_LOGLEVEL": "16"}
HOPELESS = re.compile(r'(no element "[^"]+"|no property "[^"]+" in element "[^"]+")')
REPORTED = re.compile(
    r"reported: (.+)|error: (.+)|^(\w+Error: .+)|\] ([^\]\n]*(?:failed|refused|timed out).*)",
    re.MULTILINE,
)


class ApartCapture:
    """`cv2.VideoCapture` at arm's length. Opened at once; `close` must follow.

    Args:
        what: a pipeline or an address; it is not shown in the list of processes.
        api: OpenCV's number of the library to open it with.
        live: frames are lost when they are not asked for.
        environment: set for the process alone.

    Raises:
        CameraError: it cannot be opened, or not within `OPEN_S`; the message is the reason alone.
    """

    def __init__(
        self, what: str, api: int, *, live: bool, environment: Mapping[str, str] | None = None
    ) -> None:
        self._asked = self._ended = False
        self._said = ""
        self._view: mmap.mmap | None = None
        with ExitStack() as stack:
            try:
                self._start(stack, environment or {})
                wanted = {"what": what, "api": api, "live": live}
                self._connection.send_bytes(json.dumps(wanted).encode())
            except OSError as exc:
                raise CameraError(f"no process can be started to hold it ({exc})") from exc
            answer = self._answer(OPEN_S)
            if "fps" not in answer:
                raise CameraError(self._reason("it cannot be opened"))
            self._cleanup = stack.pop_all()
        fps = answer["fps"]
        self.fps: float | None = fps if 0 < fps < 1000 else None
        interval_s = 1 / self.fps if self.fps else 0.0
        self._patience_s = min(max(READ_S, 2.5 * interval_s), LONGEST_READ_S)

    def read(self) -> Frame | None:
        """The next frame, a copy of its own; None when the camera has ended.

        Raises:
            CameraError: none came in time, or the process died. It may be called again.
        """
        if self._ended:
            return None
        if not self._asked:
            with suppress(OSError):  # it has left, and what it said last is still to be read
                self._connection.send_bytes(b"next")
            self._asked = True
        answer = self._answer(self._patience_s)
        self._asked = False
        if "shape" not in answer:
            self._ended = True
            return None
        if len(answer["shape"]) != 3:
            raise CameraError("it gave a frame that cannot be decoded")
        return Frame(self._copied(answer["shape"]), answer["at"], answer["index"])

    @property
    def said(self) -> str:
        """The last that the process printed, without passwords."""
        while not self._output.closed and (text := self._output.read(65536)):
            self._said = (self._said + text.decode(errors="replace"))[-KEPT_CHARACTERS:]
        return masked(self._said)

    def close(self) -> None:
        """Release the camera: kindly, then by force. Returns within some seconds."""
        self._cleanup.close()

    def _start(self, stack: ExitStack, environment: Mapping[str, str]) -> None:
        self._connection, theirs = Pipe()
        stack.callback(self._connection.close)
        self._memory = os.memfd_create("gemscan-camera")
        stack.callback(os.close, self._memory)
        ours, output = os.pipe()
        self._output = stack.enter_context(os.fdopen(ours, "rb", buffering=0))
        for end in (ours, output):  # a process that prints much is not held up
            os.set_blocking(end, False)
        path = os.pathsep.join(entry for entry in sys.path if entry)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", PROGRAM, str(theirs.fileno()), str(self._memory)],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    pass_fds=(theirs.fileno(), self._memory),
                    env={**os.environ, **LOGGING, **environment, "PYTHONPATH": path},
                    start_new_session=True,  # Ctrl-C is for the parent, which closes this
                )
            finally:
                os.close(output)
        stack.callback(self._end)

    def _end(self) -> None:
        self._connection.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSE_S)

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        try:
            while not self._connection.poll(SLICE_S):
                if HOPELESS.search(self.said):
                    raise CameraError(self._reason(""))
                if time.monotonic() > deadline:
                    raise CameraError(self._reason(f"no frame came within {timeout_s:g} s"))
            answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError) as exc:
            last = " ".join(self.said.strip().splitlines()[-1:])
            raise CameraError(self._reason(f"its process has ended: {last}".strip(" :"))) from exc
        return answer

    def _reason(self, otherwise: str) -> str:
        """What GStreamer or FFmpeg gave as the reason, or `otherwise`."""
        said = self.said
        if hopeless := HOPELESS.search(said):
            return f"GStreamer has {hopeless[1]}"
        found = [next(part for part in match if part) for match in REPORTED.findall(said)]
        return f"{otherwise} ({found[-1].strip(' .')})" if found else otherwise

    def _copied(self, shape: list[int]) -> Any:
        size = int(np.prod(shape))
        if self._view is None or len(self._view) < size:
            self._view = mmap.mmap(self._memory, size)
        return np.frombuffer(self._view, np.uint8, count=size).reshape(shape).copy()
