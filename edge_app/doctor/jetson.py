"""What `gemscan doctor` says of a Jetson alone: speed, memory for a build, whose OpenCV it is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from edge_app.doctor.check import NOTE, OK, Check, installed
from edge_app.machine.jetson import is_jetson
from edge_app.machine.jetson_lines import is_fastest

if TYPE_CHECKING:
    from deploy.arrays import Json

BUILD_MEMORY_MB = 8192
ADD_SWAP = (
    "a build may be killed: sudo fallocate -l 8G /swapfile && sudo chmod 600 /swapfile && "
    "sudo mkswap /swapfile && sudo swapon /swapfile"
)
SYSTEM_PYTHON = Path("/usr/lib")
OPENCV_PACKAGES = [f"opencv{c}-python{k}" for c in ("", "-contrib") for k in ("", "-headless")]


def jetson_checks(now: Json | None) -> list[Check]:
    """Checks for the board.

    Args:
        now: see `edge_app.machine.jetson.read_jetson`; None where this is no Jetson.
    """
    if now is None:
        return []
    checks = (check_board, check_power_mode, check_clocks, check_build_memory, check_numpy_fits)
    return [check(now) for check in checks]


def check_board(now: Json) -> Check:
    """Which board and JetPack: what to say when asking somebody for help."""
    jetpack = f"JetPack {now['jetpack']}" if now.get("jetpack") else "JetPack not recognised"
    parts = (now.get("board", "a Jetson"), jetpack, f"L4T {now.get('l4t', 'unknown')}")
    return Check("Jetson", OK, ", ".join(parts))


def check_power_mode(now: Json) -> Check:
    """The fastest power mode is chosen; its number differs from board to board."""
    name, mode = "power mode", now.get("power_mode", {})
    if is_fastest(mode):
        return Check(name, OK, mode.get("name", "could not be read"))
    best = mode["fastest"]
    remedy = f"if supply and cooling allow: sudo nvpmodel -m {best['id']} ({best['name']})"
    return Check(name, NOTE, f"{mode['name']}, which is not the fastest", remedy)


def check_clocks(now: Json) -> Check:
    """The clocks are held at their maximum, without which latency jumps."""
    held = now.get("clocks_held")
    if held is None:
        return Check("clocks", OK, "could not be read")
    if held:
        return Check("clocks", OK, "held at their maximum")
    remedy = "sudo jetson_clocks, after every start (docs/jetson.md has it done at boot)"
    return Check("clocks", NOTE, "free to fall, so that latency jumps", remedy)


def check_build_memory(now: Json) -> Check:
    """Room to build an engine: the GPU's memory is the board's, and its own swap is memory too."""
    memory = now.get("memory_mb", {})
    total, disk = memory.get("total", 0), memory.get("disk_swap", 0)
    found = f"{total} MB, {memory.get('available', 0)} MB free, {disk} MB of swap on a disk"
    if not total or total >= BUILD_MEMORY_MB or disk:
        return Check("memory to build", OK, found)
    return Check("memory to build", NOTE, found, ADD_SWAP)


def check_numpy_fits(_: Json) -> Check:
    """JetPack's and Ubuntu's OpenCV are compiled for NumPy 1, which NumPy 2 breaks."""
    name, numpy = "OpenCV with NumPy", installed("numpy")
    found = f"{_whose_opencv()} OpenCV, NumPy {numpy or 'not found'}"
    if _whose_opencv() == "the system's" and numpy.split(".")[0] not in ("1", ""):
        return Check(name, NOTE, found, "pip install 'numpy<2'")
    return Check(name, OK, found)


def _whose_opencv() -> str:
    try:
        spec = importlib.util.find_spec("cv2")
    except ValueError:  # a module that is loaded and has no spec
        return "some"
    if spec is None:
        return "no"
    return "the system's" if "dist-packages" in str(spec.origin) else "pip's"


def unseen(module: str) -> str:
    """What to do where the system has a module that this Python does not see; else empty."""
    if not any(SYSTEM_PYTHON.glob(f"python3*/dist-packages/{module}*")):
        return ""
    return (
        "the system has it and this Python does not see it: make the environment with "
        "/usr/bin/python3 -m venv --system-site-packages"
    )


def gstreamer_remedy() -> str:
    """What hides JetPack's OpenCV, or another system's, and how to see it again."""
    shadows = [package for package in OPENCV_PACKAGES if installed(package)]
    if not is_jetson():
        first = f"pip uninstall {' '.join(shadows)}, and " if shadows else ""
        return (
            f"{first}sudo apt install python3-opencv, for an environment that was made with "
            "/usr/bin/python3 -m venv --system-site-packages"
        )
    if shadows:
        return f"pip uninstall {' '.join(shadows)}: it hides JetPack's OpenCV, which has GStreamer"
    return "sudo apt install libopencv-python, or python3-opencv where JetPack has none"
