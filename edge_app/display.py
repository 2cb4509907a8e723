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
    display, wayland = os.environ.get("DISPLAY", ""), os.environ.get("WAYLAND_DISPLAY", "")
    # Qt ends the whole process when it cannot connect, so that is tried first.
    if display and _x11_answers(display):
        return ""
    if wayland and not _knows_wayland():
        return "this OpenCV can use an X11 screen alone, and DISPLAY names none that answers"
    if wayland and _wayland_answers(wayland):
        return ""
    if not display and not wayland:
        return "there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set"
    name = f"DISPLAY={display}" if display else f"WAYLAND_DISPLAY={wayland}"
    return f"the screen {name} does not answer"


def opencv_has_windows() -> bool:
    """OpenCV was built with Qt, GTK or another kind of window."""
    return bool(WINDOWS.search(cv2.getBuildInformation()))


def _knows_wayland() -> bool:
    """False for pip's OpenCV, which brings its own Qt with a plugin for X11 alone."""
    plugins = Path(cv2.__file__).parent / "qt" / "plugins" / "platforms"
    return not plugins.is_dir() or any(plugins.glob("*wayland*"))


def _wayland_answers(name: str) -> bool:
    """Connect to a compositor as its clients do: a socket, in XDG_RUNTIME_DIR unless absolute.

    Source: the Wayland documentation, wl_display_connect().
    """
    folder = os.environ.get("XDG_RUNTIME_DIR", "")
    return _connects(socket.AF_UNIX, str(Path(folder, name)))


def _x11_answers(display: str) -> bool:
    """Connect to an X server as its clients do: a socket in /tmp, or TCP port 6000 + number.

    Source: X(7), "Display names": [host]:display[.screen].
    """
    host, _, rest = display.rpartition(":")
    number = rest.partition(".")[0]
    if not number.isdecimal():
        return _connects(socket.AF_UNIX, display)
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"
        return any(_connects(socket.AF_UNIX, address) for address in ("\0" + path, path))
    return _connects(socket.AF_INET, (host, 6000 + int(number)))


def _connects(family: int, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(address)
        except (OSError, OverflowError, UnicodeError):  # the last two: no such port, no such host
            return False
    return True
