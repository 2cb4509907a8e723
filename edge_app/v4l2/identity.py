"""Which very camera a /dev/video file is: the same after a restart and at another port."""

from __future__ import annotations

from pathlib import Path

SYSFS = Path("/sys/class/video4linux")
USB_LEVELS = 6  # from a video node up to its USB device, and some to spare


def identity_of(device: Path) -> str:
    """`usb:VENDOR:PRODUCT:SERIAL`, or what is known where it is no USB camera.

    Two cameras of one model whose maker gave them no serial number have the same identity. A
    second camera inside one USB device, as for infrared, gets its interface's number behind.

    Args:
        device: /dev/video0, or a link to it as /dev/v4l/by-id/... are.
    """
    node = SYSFS / device.resolve().name / "device"
    interface = node.resolve() if node.exists() else node
    usb = _usb_device(interface)
    if usb is None:
        return f"{interface.name}:{_read(node.parent / 'name') or device.resolve().name}"
    parts = ["usb", _read(usb / "idVendor"), _read(usb / "idProduct"), _read(usb / "serial")]
    number = _read(interface / "bInterfaceNumber")
    if number not in ("", "00"):
        parts.append(number)
    return ":".join(parts).rstrip(":")


def stable_path(device: Path, folder: Path = Path("/dev/v4l/by-id")) -> Path | None:
    """The link that udev made to a camera, which stays when its number changes; None without."""
    links = sorted(folder.iterdir()) if folder.is_dir() else []
    return next((link for link in links if link.resolve() == device.resolve()), None)


def _usb_device(interface: Path) -> Path | None:
    above = [interface, *interface.parents][:USB_LEVELS]
    return next((folder for folder in above if (folder / "idVendor").is_file()), None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
