"""A Raspberry Pi's own cameras, as picamera2 lists them."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from typing import Any

from edge_app import machine
from edge_app.camera_list import FoundCamera

log = logging.getLogger(__name__)


def find_pi_cameras() -> list[FoundCamera]:
    """The cameras at a Raspberry Pi's ribbon sockets; none elsewhere, or without picamera2."""
    if "Raspberry Pi" not in machine.board() or importlib.util.find_spec("picamera2") is None:
        return []
    try:
        picamera2 = importlib.import_module("picamera2")
        said = picamera2.Picamera2.global_camera_info()
    except (ImportError, OSError, RuntimeError) as exc:  # libcamera fails in its own ways
        log.warning("picamera2 does not list its cameras: %s", exc)
        return []
    return [_found(one, number) for number, one in enumerate(said) if not _is_usb(one)]


def _found(one: dict[str, Any], number: int) -> FoundCamera:
    identity = str(one.get("Id", ""))
    uri = f"picamera2://{one.get('Num', number)}"
    locks = ("exposure", "gain", "white balance")
    return FoundCamera(uri, str(one.get("Model", "")), "libcamera", "", identity, locks=locks)


def _is_usb(one: dict[str, Any]) -> bool:
    """libcamera lists webcams too, which Video4Linux has shown already."""
    return "usb" in str(one.get("Id", "")).lower()
