"""What `gemscan doctor` says of cameras: whether any can be used, and who or what is in the way."""

from __future__ import annotations

import os
import re
from pathlib import Path

from edge_app.cameras.access import held_by, permission_remedy, unseen_holder
from edge_app.doctor.check import NOTE, OK, Check, load
from edge_app.doctor.jetson import gstreamer_remedy
from edge_app.machine.jetson import is_jetson
from edge_app.v4l2.device import V4l2Device, video_devices


def check_gstreamer() -> Check:
    """OpenCV was built with GStreamer, through which a Jetson gives its own cameras."""
    name, cv2 = "GStreamer in OpenCV", load("cv2")
    said = re.search(r"GStreamer:\s+(YES.*)", cv2.getBuildInformation()) if cv2 else None
    if said:
        return Check(name, OK, said.group(1).strip())
    if cv2 and is_jetson():
        return Check(name, NOTE, "not built in: no csi:// and no gst://", gstreamer_remedy())
    return Check(name, OK, "not built in; csi:// and gst:// need it, webcams do not")


def check_cameras() -> Check:
    """There is a video device, this user may use it, and nobody else does."""
    name, found = "cameras", video_devices()
    if not found:
        remedy = "plug one in; without one, try: gemscan run --source demo://"
        return Check(name, NOTE, "no /dev/video*", remedy)
    closed = [device for device in found if not os.access(device, os.R_OK | os.W_OK)]
    if closed:
        said = f"not permitted: {', '.join(map(str, closed))}"
        return Check(name, NOTE, said, permission_remedy(closed[0]))
    busy = [device for device in found if _is_busy(device)]
    if busy:
        said = "; ".join(held_by(device) or unseen_holder(device) for device in busy)
        return Check(name, NOTE, said.rstrip("."), "gemscan run needs it for itself alone")
    return Check(name, OK, f"{', '.join(map(str, found))}; more: gemscan cameras")


def _is_busy(device: Path) -> bool:
    try:
        with V4l2Device(device) as opened:
            return opened.names.captures and opened.is_busy()
    except OSError:  # no camera, or gone meanwhile: not what is asked here
        return False
