"""Why a Video4Linux camera cannot be opened or gives nothing, in sentences with what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from deploy.errors import CameraError
from edge_app.cameras.access import held_by, holders, permission_remedy, unseen_holder
from edge_app.v4l2.device import V4l2Device, video_devices


def check_device(device: Path) -> None:
    """Say what keeps a camera from being opened.

    Raises:
        CameraError: it is not there, or this user may not use it.
    """
    if not device.exists():
        raise CameraError(f"{device} is not there: no such camera. {_others(device)}")
    if not os.access(device, os.R_OK | os.W_OK):
        raise CameraError(
            f"{device} is there but this user may not use it: {permission_remedy(device)}."
        )


def why_no_video(device: Path) -> str:
    """Why a device that is there cannot be opened. Who merely has it open is in nobody's way."""
    try:
        with V4l2Device(device) as opened:
            captures, busy = opened.names.captures, opened.is_busy()
    except OSError as exc:
        if exc.errno != errno.EBUSY:
            return f"{device} is there but gives no video ({exc.strerror}). {_others(device)}"
        captures, busy = True, True
    if busy:
        return held_by(device) or unseen_holder(device)
    what = "in no form that OpenCV knows" if captures else "it is a camera's second device"
    return f"{device} is there but gives no video: {what}. {_others(device)}"


def _others(device: Path) -> str:
    others = [str(path) for path in video_devices() if path != device]
    if others:
        return f"Cameras that are there: {', '.join(others)}."
    return "No camera is there: plug one in, or try --source demo://"


def why_no_frame(device: Path, *, first: bool) -> str:
    """What to say when no frame comes.

    Args:
        first: there was none yet, so that another program may have it: some drivers say so late.
    """
    also = holders(device) if first else []
    if also:
        names = ", ".join(map(str, also))
        return f"{device} gave no frame; it is open in {names} too: close that program."
    return f"{device} gave no frame. Check that it is still plugged in."
