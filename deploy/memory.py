"""How much memory the computer has left."""

from __future__ import annotations

import contextlib
from pathlib import Path

MEMINFO = Path("proc/meminfo")
# of a container: the most that it may take, and what it has
CONTROL_GROUPS = (
    (Path("sys/fs/cgroup/memory.max"), Path("sys/fs/cgroup/memory.current")),
    (
        Path("sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def available_bytes(root: Path = Path("/")) -> int | None:
    """What can be taken without swapping or being killed; None where the kernel does not say.

    Caches count as available on the computer, and as taken in a container, which keeps them small
    when it must: for a container this is the least that can be had.

    Source: MemAvailable in proc(5); memory.max and memory.current in the kernel's "Control Group
        v2", and their names in version 1.
    """
    found = [_of_computer(root / MEMINFO)]
    for most, taken in CONTROL_GROUPS:
        with contextlib.suppress(OSError, ValueError):  # no such file; or "max", no limit
            found.append(max(0, _number(root / most) - _number(root / taken)))
    return min((number for number in found if number is not None), default=None)


def _of_computer(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return None
    said = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(said[0]) * 1024 if said else None


def _number(path: Path) -> int:
    return int(path.read_text(encoding="utf-8"))
