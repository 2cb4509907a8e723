"""A frame with its buffer, which the camera can only fill again when it is given back."""

from __future__ import annotations

import threading
from typing import Any

import fake_pi


class CompletedRequest:
    """A frame that the camera has filled."""

    def __init__(self, request: Any, picam2: Any) -> None:
        self.request = request
        self.picam2 = picam2
        self.ref_count = 1
        self.stop_count = picam2.stop_count
        self.config = dict(picam2.camera_config)
        self.lock = threading.Lock()
        fake_pi.held.add(id(self))

    def acquire(self) -> None:
        """One user more.

        Raises:
            RuntimeError: it is back at the camera.
        """
        with self.lock:
            if self.ref_count == 0:
                raise RuntimeError("CompletedRequest: acquiring lock with ref_count 0")
            self.ref_count += 1

    def release(self) -> None:
        """One user less; after the last the camera fills the buffer anew.

        Raises:
            RuntimeError: it was given back before, or the camera has gone.
        """
        with self.lock:
            self.ref_count -= 1
            if self.ref_count < 0:
                raise RuntimeError("CompletedRequest: lock now has negative ref_count")
            if self.ref_count:
                return
            fake_pi.held.discard(id(self))
            self.config = {}
        if self.picam2.started and self.stop_count == self.picam2.stop_count:
            if self.request["index"] == fake_pi.setting("callback_dies_at"):
                raise RuntimeError("Failed to queue request: No such device")
            self.picam2._give_back()

    def make_array(self, name: str) -> Any:
        """A copy of the picture.

        Raises:
            RuntimeError: there is no such stream, or the buffer has gone.
        """
        if name not in self.config:
            raise RuntimeError(f"Stream {name!r} is not defined")
        if self.request["index"] == fake_pi.setting("broken_at"):
            raise RuntimeError("failed to find buffer")
        width, height = self.config[name]["size"]
        if self.request["index"] == fake_pi.setting("odd_size_at"):
            width, height = width // 2, height + 2
        return fake_pi.picture(
            (width, height), self.config[name]["format"], self.config["transform"]
        )

    def get_metadata(self) -> dict[str, Any]:
        """What the frame was taken with."""
        assert self.ref_count > 0, "the request is back at the camera"
        return dict(self.request["metadata"])
