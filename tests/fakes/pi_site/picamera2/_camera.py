"""The camera: opened by one program at a time, delivering frames from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import fake_pi
from libcamera import Transform

from ._controls import Sensor
from ._request import CompletedRequest

STREAM_KEYS = ("format", "size", "stride")


class Picamera2:
    """One camera."""

    def __init__(self, camera_num: int = 0) -> None:
        self.is_open = False
        self.started = False
        self.post_callback: Callable[[CompletedRequest], None] | None = None
        self.camera_config: dict[str, Any] = {}
        self.stop_count = 0
        self._thread: threading.Thread | None = None
        self._abort = threading.Event()
        self._changed = threading.Condition()
        self._free = 0
        self._kept: CompletedRequest | None = None
        self._number = camera_num
        try:
            self._acquire(len(self.global_camera_info()))
        except Exception as exc:
            raise RuntimeError("Camera __init__ sequence did not complete.") from exc
        self._sensor = Sensor()
        fake_pi.STATE["opened"] += 1

    def __del__(self) -> None:
        self.close()

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        """The cameras that are there."""
        if fake_pi.setting("no_list"):
            raise RuntimeError("Failed to start the camera manager")
        return [dict(info) for info in fake_pi.setting("cameras")]

    @property
    def camera_controls(self) -> dict[str, tuple[Any, Any, Any]]:
        """Smallest, largest and usual value of each control."""
        return self._sensor.controls()

    def create_video_configuration(
        self,
        main: dict[str, Any],
        transform: Any = None,
        buffer_count: int = 6,
        controls: dict[str, Any] | None = None,
        queue: bool = True,
    ) -> dict[str, Any]:
        """A configuration, of which `configure` may change what the camera cannot do.

        Raises:
            ValueError: a key that streams do not have.
        """
        for key in main:
            if key not in STREAM_KEYS:
                raise ValueError(f"Bad key {key!r}: valid stream configuration keys are ...")
        width, height = main["size"]
        return {
            "main": {**main, "size": (width - width % 2, height - height % 2)},
            "transform": transform or Transform(),
            "buffer_count": buffer_count,
            "controls": dict(controls or {}),
            "queue": queue,
        }

    def configure(self, camera_config: dict[str, Any]) -> None:
        """Prepare the camera and its buffers.

        Raises:
            RuntimeError: libcamera refuses the configuration, or a control.
            OSError: there is no memory for the buffers.
        """
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        if fake_pi.setting("configure_fails"):
            raise RuntimeError(fake_pi.setting("configure_fails"))
        if fake_pi.setting("no_memory"):
            raise OSError(12, "Cannot allocate memory")
        config = {**camera_config, "main": dict(camera_config["main"])}
        config["main"]["format"] = fake_pi.setting("adjusted_format") or config["main"]["format"]
        config["main"]["size"] = tuple(fake_pi.setting("adjusted_size") or config["main"]["size"])
        if not fake_pi.setting("can_flip"):
            config["transform"] = Transform()
        self._sensor.set(config["controls"])
        self.camera_config = config

    def camera_configuration(self) -> dict[str, Any]:
        """What the camera was made to do in the end."""
        return self.camera_config

    def set_controls(self, controls: dict[str, Any]) -> None:
        """Ask for controls; they take effect some frames later."""
        self._sensor.set(controls)

    def start(self, config: Any = None, show_preview: Any = False) -> None:
        """Begin to deliver.

        Raises:
            RuntimeError: the camera does not start.
        """
        if config is not None:
            self.configure(config)
        if not self.camera_config:
            raise RuntimeError("Camera has not been configured")
        if show_preview is not None:
            self._abort.clear()
            self._thread = threading.Thread(target=self._loop, daemon=True)
            fake_pi.threads.add(self._thread)
            self._thread.start()
        if fake_pi.setting("start_fails"):
            raise RuntimeError(fake_pi.setting("start_fails"))
        self._free = self.camera_config["buffer_count"]
        self.started = True

    def close(self) -> None:
        """End the thread, then stop the camera and let others have it."""
        if self._thread is not None:
            self._abort.set()
            self._thread.join()
            self._thread = None
        if not self.is_open:
            return
        self.started = False
        self.stop_count += 1
        if self._kept is not None:
            self._kept.release()
        fake_pi.owners.discard(self._number)
        self.is_open = False
        fake_pi.STATE["closed"] += 1
        if fake_pi.setting("close_fails"):
            raise RuntimeError(fake_pi.setting("close_fails"))

    def _acquire(self, cameras: int) -> None:
        if self._number >= cameras:
            raise IndexError("list index out of range")
        if fake_pi.setting("busy") or self._number in fake_pi.owners:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        fake_pi.owners.add(self._number)
        self.is_open = True
        if fake_pi.setting("half_open"):
            fake_pi.STATE["opened"] += 1
            raise RuntimeError("Failed to generate a configuration")

    def _give_back(self) -> None:
        with self._changed:
            self._free += 1

    def _loop(self) -> None:
        """picamera2's event loop without a window. An error in it ends it, as in the real one."""
        index = 0
        try:
            while not self._abort.wait(fake_pi.setting("frame_s")):
                if self.started and self._take_buffer(index):
                    self._deliver(index)
                    index += 1
        finally:
            fake_pi.threads.discard(threading.current_thread())

    def _take_buffer(self, index: int) -> bool:
        if any(0 <= fake_pi.setting(name) <= index for name in ("hang_after", "unplug_after")):
            return False
        with self._changed:
            if self._free == 0:  # all are held by someone: the camera stands still
                fake_pi.STATE["stalled"] += 1
                return False
            self._free -= 1
        return True

    def _deliver(self, index: int) -> None:
        request = CompletedRequest({"index": index, "metadata": self._sensor.next()}, self)
        fake_pi.STATE["delivered"] += 1
        if self.post_callback is not None:
            self.post_callback(request)
        older, self._kept = self._kept, request if self.camera_config["queue"] else None
        for one in (older, None if self._kept else request):
            if one is not None:
                one.release()
