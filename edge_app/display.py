"""Whether a window can be opened here."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import cv2

WINDOWS = re.compile(r"^\s*(GUI:[ \t]+(?!NONE)\S+|(QT|GTK\+|Wayland|Cocoa|Win32 UI):\s+YES)", re.M)


def display_problem() -> str:
    """Why no window can be opened, and what to do; empty when one can."""
    if not opencv_has_windows():
        return "this OpenCV was built without windows; install opencv-python, not the headless one"
    if os.environ.get("WAYLAND_DISPLAY"):
        return ""
    display = os.environ.get("DISPLAY")
    if not display:
        return "there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set"
    # Qt ends the whole process when it cannot connect, so that is tried first.
    return "" if _answers(display) else f"the screen DISPLAY={display} does not answer"


def opencv_has_windows() -> bool:
    """OpenCV was built with Qt, GTK or another kind of window."""
    return bool(WINDOWS.search(cv2.getBuildInformation()))


def _answers(display: str) -> bool:
    """Connect to an X server as its clients do: a socket in /tmp, or TCP port 6000 + number.

    Source: X(7), "Display names": [host]:display[.screen].
    """
    host, _, rest = display.rpartition(":")
    number = rest.partition(".")[0]
    if not number.isdecimal():
        return Path(display).is_socket()
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"
        return any(_connects(socket.AF_UNIX, address) for address in ("\0" + path, path))
    return _connects(socket.AF_INET, (host, 6000 + int(number)))


def _connects(family: int, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(address)
        except OSError:
            return False
    return True
