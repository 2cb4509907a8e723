"""Why a device cannot be used: another program holds it, or this user may not."""

from __future__ import annotations

import getpass
import grp
import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Holder:
    """A program that has a device open."""

    name: str
    pid: int

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def holders(device: Path) -> list[Holder]:
    """Other programs that have a device open; those of other users show to root alone.

    Args:
        device: /dev/video0, or a link to it.
    """
    target = str(device.resolve())
    pids = [int(path.name) for path in PROC.iterdir() if path.name.isdecimal()]
    found = [pid for pid in pids if pid != os.getpid() and _has_open(pid, target)]
    return [Holder(_name(pid), pid) for pid in sorted(found)]


def _has_open(pid: int, target: str) -> bool:
    """Links are read and not followed: following one into a dead network disk would wait."""
    try:
        return any(str(link.readlink()) == target for link in (PROC / str(pid) / "fd").iterdir())
    except OSError:  # ended meanwhile, or of another user
        return False


def _name(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return "a program that has just ended"


def held_by(device: Path) -> str:
    """Who has a device open, as a sentence with what to do; empty where nobody is seen."""
    found = holders(device)
    if not found:
        return ""
    return f"{device} is held by {', '.join(map(str, found))}: close that program."


def unseen_holder(device: Path) -> str:
    """What to say of a device that is busy, while no holder is to be seen."""
    said = f"{device} is held by another program"
    if os.geteuid() == 0:
        return f"{said}, maybe outside this container: close it."
    return f"{said} of another user; this names it: sudo fuser -v {device}"


def permission_remedy(device: Path) -> str:
    """What lets this user use a device that refuses it, by the group that it belongs to."""
    try:
        number = device.stat().st_gid
    except OSError:  # unplugged between two looks
        return "plug it in again"
    if number == 0:  # no rule of udev's has seen to it
        return f"sudo chgrp video {device} && sudo chmod g+rw {device}"
    try:
        group = grp.getgrgid(number)
    except KeyError:  # in a container
        return f"{device} belongs to group {number}, which has no name here: add this user to it"
    user = _user()
    if number in (os.getegid(), *os.getgroups()):
        return f"group {group.gr_name} may not use it either: sudo chmod g+rw {device}"
    if user in group.gr_mem:
        return f"{user} was added to group {group.gr_name} after logging in: log out and in again"
    return f"sudo usermod -aG {group.gr_name} {user}, then log out and in again"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in a container
        return "$USER"
