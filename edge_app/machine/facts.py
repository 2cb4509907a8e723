"""What machine this is, in the words that decide how fast it is."""

from __future__ import annotations

import os
import platform
import resource
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from edge_app.machine.jetson import read_jetson

if TYPE_CHECKING:  # it would load NumPy, which `gemscan doctor` may find missing
    from deploy.arrays import Json

# Integer dot products: what makes INT8 fast. x86 and Arm name them differently in /proc/cpuinfo.
INT8_FLAGS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
PACKAGES = (
    *("numpy", "opencv-python", "opencv-python-headless"),
    *("onnxruntime", "onnx", "tensorrt", "pycuda"),
)


def describe_machine() -> Json:
    """Processor, cores, memory, board and library versions, as far as they can be found.

    On a Jetson "jetson" says how it stands, see `edge_app.machine.jetson.read_jetson`.
    """
    jetson = read_jetson()
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "int8_instructions": int8_instructions(),
        "memory_mb": memory_mb(),
        "board": board(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": package_versions(),
        **({} if jetson is None else {"jetson": jetson}),
    }


def describe_python() -> str:
    """Version and place: the wrong environment is a common mistake."""
    return f"{platform.python_version()} in {sys.prefix}"


def is_x86() -> bool:
    """An Intel or AMD processor."""
    return platform.machine().lower() in ("x86_64", "amd64", "i386", "i686", "x86")


def cpu_model() -> str:
    """The processor's name, or its architecture where the kernel tells no name (Arm)."""
    return _cpuinfo("model name") or _cpuinfo("Hardware") or platform.machine()


def int8_instructions() -> list[str]:
    """Those of `INT8_FLAGS` that the processor has."""
    flags = (_cpuinfo("flags") or _cpuinfo("Features")).split()
    return [flag for flag in INT8_FLAGS if flag in flags]


def usable_cores() -> int:
    """Cores that this process may use, which a container or taskset can make fewer."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def board() -> str:
    """What a Jetson or Raspberry Pi calls itself; empty on a PC."""
    return _text(Path("/proc/device-tree/model")).rstrip("\0")


def memory_mb() -> int:
    """Physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def peak_memory_mb() -> float:
    """The most that this process has held in memory so far.

    The kernel's own "high water mark" where there is one: what getrusage says on Linux starts at
    the size of the process that started this one. Source: proc(5), VmHWM, in KiB.
    """
    for line in _text(Path("/proc/self/status")).splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def package_versions() -> dict[str, str]:
    """Installed versions of what decides speed; boards' own OpenCV is asked where it is not pip's.

    Nothing is imported that was not imported already.
    """
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    cv2 = sys.modules.get("cv2")
    if cv2 is not None:
        found["cv2"] = str(cv2.__version__)
    return found


def process_age_s() -> float:
    """Seconds since this process was started, imports and all; 0 where the kernel does not say.

    Source: proc(5), field 22 of /proc/PID/stat, in clock ticks after the boot.
    """
    stat, uptime = _text(Path("/proc/self/stat")), _text(Path("/proc/uptime"))
    if not stat or not uptime:
        return 0.0
    started_ticks = int(stat.rpartition(")")[2].split()[19])
    return float(uptime.split()[0]) - started_ticks / os.sysconf("SC_CLK_TCK")


def _cpuinfo(key: str) -> str:
    for line in _text(Path("/proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
