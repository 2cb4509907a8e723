"""A Raspberry Pi's cameras, as the fake picamera2 finds them, and a test's controls of them.

Settings are the JSON in the environment variable FAKE_PI, so that child processes have them too.
Code under test never imports this.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import numpy as np

VARIABLE = "FAKE_PI"
IMX708 = {"Model": "imx708", "Location": 2, "Rotation": 180, "Num": 0}
DEFAULTS: dict[str, Any] = {
    "cameras": [{**IMX708, "Id": "/base/soc/i2c0mux/i2c@1/imx708@1a"}],
    "frame_s": 0.002,  # between frames, whatever rate was asked for
    "scene_bgr": [200, 100, 50],  # the colour of the whole picture; its top left is white
    "busy": False,  # another process has the cameras
    "half_open": False,  # it is acquired, and then something else fails
    "no_list": False,  # libcamera cannot be asked for its cameras
    "configure_fails": "",  # an error of `configure`
    "no_memory": False,  # the buffers cannot be had
    "start_fails": "",  # an error of `start`
    "close_fails": "",  # an error of `close`, when all is done
    "adjusted_format": "",  # what libcamera gives in place of what was asked for
    "adjusted_size": None,
    "can_flip": True,
    "hang_after": -1,  # no frames from this one on, counted from 0; -1: never
    "unplug_after": -1,  # frames with errors from this one on; picamera2 drops them
    "odd_size_at": -1,  # one frame of another size
    "broken_at": -1,  # one frame whose buffer cannot be mapped
    "callback_dies_at": -1,  # giving a buffer back fails: the camera has gone
    "moves_lens": True,
    "no_controls": [],  # names that the camera does not have
    "control_delay": 3,  # frames until a control is seen
    "stubborn": [],  # controls that never take
    "lost_sends": 0,  # calls of `set_controls` that have no effect
    "longest_exposure_us": 33239,
    "shortest_frame_us": 8333,
}
STATE: dict[str, int] = {"opened": 0, "closed": 0, "stalled": 0, "delivered": 0}
owners: set[int] = set()  # cameras that this process has acquired
held: set[int] = set()  # requests that are not back at the camera
threads: set[threading.Thread] = set()  # picamera2's event loops that run


def settings() -> dict[str, Any]:
    """All settings.

    Raises:
        ValueError: a key that is none, so that a misspelt one cannot go unnoticed.
    """
    given = json.loads(os.environ.get(VARIABLE) or "{}")
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"{VARIABLE} has unknown keys: {unknown}")
    return {**DEFAULTS, **given}


def setting(name: str) -> Any:
    """One setting, as it is now."""
    return settings()[name]


def configure(**changes: Any) -> None:
    """Change settings here and in child processes started later."""
    given = json.loads(os.environ.get(VARIABLE) or "{}")
    os.environ[VARIABLE] = json.dumps({**given, **changes})
    settings()


def left_over() -> dict[str, int]:
    """What was not given back: cameras, requests, threads."""
    found = {"cameras": len(owners), "requests": len(held), "threads": len(threads)}
    return {what: count for what, count in found.items() if count}


def picture(size: tuple[int, int], pixel_format: str, transform: Any) -> Any:
    """The scene as libcamera lays it out in memory: "RGB888" is B, G, R, "BGR888" is R, G, B."""
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:] = setting("scene_bgr")
    image[: size[1] // 2, : size[0] // 2] = 255
    image = image[:: -1 if transform.vflip else 1, :: -1 if transform.hflip else 1]
    return np.ascontiguousarray(image[..., ::-1] if pixel_format == "BGR888" else image)
