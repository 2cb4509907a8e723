"""A Raspberry Pi's own cameras, as `gemscan cameras` lists them."""

from __future__ import annotations

import importlib.util
import logging

from deploy.errors import GemscanError
from edge_app.cameras.listing import FoundCamera
from edge_app.machine import facts as machine
from edge_app.sources.picamera_library import PiCamera, list_cameras

log = logging.getLogger(__name__)


def find_pi_cameras() -> list[FoundCamera]:
    """The cameras at a Raspberry Pi's ribbon sockets; none elsewhere, or without picamera2."""
    if "Raspberry Pi" not in machine.board() or importlib.util.find_spec("picamera2") is None:
        return []
    try:
        return [_found(one) for one in list_cameras() if not one.is_usb]
    except GemscanError as exc:
        log.warning("picamera2 does not list its cameras: %s", exc)
        return []


def _found(one: PiCamera) -> FoundCamera:
    locks = ("exposure", "gain", "white balance")
    uri = f"picamera2://{one.number}"
    return FoundCamera(uri, one.model, "libcamera", identity=one.identity, locks=locks)
