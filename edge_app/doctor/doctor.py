"""What this machine has for gemscan, and what to do about what it lacks."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.errors import GemscanError
from deploy.home import home_folder
from edge_app.doctor.cameras import check_cameras, check_gstreamer
from edge_app.doctor.check import MISSING, NOTE, OK, Check, installed, load
from edge_app.doctor.gpu import check_gpu, check_pycuda, check_tensorrt, has_nvidia
from edge_app.doctor.jetson import OPENCV_PACKAGES, gstreamer_remedy, jetson_checks, unseen
from edge_app.machine import facts as machine
from edge_app.machine.jetson import is_jetson, read_jetson

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
OLDEST_NUMPY, OLDEST_OPENCV, OLDEST_ONNXRUNTIME = (1, 21), (4, 5), (1, 21)
MEMORY_NEEDED_MB = 1024
DISK_NEEDED_MB = 500


def run_checks(bundle: Path) -> list[Check]:
    """Look at everything. A check that fails leaves the others to go on.

    Args:
        bundle: the model bundle that the last check verifies and runs.
    """
    checks: list[Callable[[], Check]] = [
        check_python,
        check_numpy,
        check_opencv,
        check_opencv_packages,
        check_windows,
        check_gstreamer,
        check_cameras,
        check_picamera2,
        check_processor,
        check_onnxruntime,
        check_onnx,
        check_tensorrt,
        check_pycuda,
        check_gpu,
        check_memory,
        check_disk,
        lambda: check_bundle(bundle),
    ]
    return jetson_checks(read_jetson()) + [check() for check in checks]


def can_run(checks: list[Check]) -> bool:
    """The bundle was run on the CPU and gave what it should, which needs all that matters."""
    return next(check.state == OK for check in checks if check.name == "bundle")


def check_python() -> Check:
    """Python is one of the versions that the tests run on."""
    found = machine.describe_python()
    if OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        return Check("Python", OK, found)
    return Check("Python", NOTE, found, "gemscan is tested on Python 3.10 to 3.13")


def check_numpy() -> Check:
    """NumPy can be loaded and is new enough."""
    remedy = f"pip install 'numpy>=1.21{',<2' if is_jetson() else ''}'"
    return _versioned("numpy", "NumPy", OLDEST_NUMPY, remedy)


def check_opencv() -> Check:
    """OpenCV can be loaded, which takes libGL on some builds, and fits the NumPy that is here."""
    remedy = "pip install opencv-python"
    try:
        importlib.import_module("cv2")
    except ImportError as exc:
        return Check("OpenCV", MISSING, str(exc), _opencv_remedy(str(exc)))
    return _versioned("cv2", "OpenCV", OLDEST_OPENCV, remedy)


def _opencv_remedy(problem: str) -> str:
    late = re.search(r"(\S+\.so[\d.]*):? cannot allocate memory in static TLS block", problem)
    if late:  # seen on Jetsons, with libGLdispatch.so.0 and libgomp
        return f"load it before everything else: export LD_PRELOAD={late.group(1).rstrip('.:')}"
    if "libGL" in problem:
        return "sudo apt install libgl1"
    if "libgthread" in problem or "libglib" in problem:
        return "sudo apt install libglib2.0-0"
    if "numpy" in problem.lower() or "_ARRAY_API" in problem:
        newer = "" if is_jetson() else ", or a newer OpenCV"
        return f"this OpenCV was built for NumPy 1: pip install 'numpy<2'{newer}"
    if is_jetson():
        return unseen("cv2") or gstreamer_remedy()
    return "pip install opencv-python; on a Raspberry Pi: sudo apt install python3-opencv"


def check_opencv_packages() -> Check:
    """More than one OpenCV package in one environment overwrite each other's files."""
    name = "OpenCV packages"
    there = [package for package in OPENCV_PACKAGES if installed(package)]
    if len(there) > 1:
        remedy = f"keep one: pip uninstall {' '.join(there)}, then install that one again"
        return Check(name, NOTE, " and ".join(there), remedy)
    return Check(name, OK, there[0] if there else "the system's own")


def check_windows() -> Check:
    """A window can be opened."""
    if load("cv2") is None:
        return Check("display", NOTE, "OpenCV is missing")
    display = importlib.import_module("edge_app.display")
    problem = display.display_problem()
    if problem:
        remedy = "a camera is then shown as a page in the browser; --record FILE writes a video"
        return Check("display", NOTE, problem, remedy)
    return Check("display", OK, "a window can be opened")


def check_picamera2() -> Check:
    """picamera2, through which a Raspberry Pi gives its own cameras, and the cameras it finds."""
    name = "picamera2"
    if importlib.util.find_spec(name) is None and "Raspberry Pi" not in machine.board():
        return Check(name, OK, "not installed; only a Raspberry Pi needs it")
    library = importlib.import_module("edge_app.sources.picamera_library")
    try:
        cameras = library.list_cameras()
    except GemscanError as exc:
        problem, _, remedy = str(exc).partition("\nTo fix it: ")
        return Check(name, NOTE, problem, remedy or "restart the board")
    if not cameras:
        remedy = "for a camera on a ribbon cable, see: rpicam-hello --list-cameras"
        return Check(name, NOTE, f"{installed(name)}, no camera found".lstrip(", "), remedy)
    there = ", ".join(f"picamera2://{one.number} is {one.model}" for one in cameras)
    return Check(name, OK, f"{installed(name)}, {there}".lstrip(", "))


def check_processor() -> Check:
    """The processor has integer dot products, which make INT8 fast."""
    flags = machine.int8_instructions()
    found = f"{machine.cpu_model()}, {machine.usable_cores()} cores"
    if flags:
        return Check("processor", OK, f"{found}, {', '.join(flags)}")
    remedy = "INT8 may be no faster than float32 here; compare with: gemscan bench --precision fp32"
    return Check("processor", NOTE, f"{found}, no INT8 instructions", remedy)


def check_onnxruntime() -> Check:
    """ONNX Runtime, the backend that every machine can use.

    1.21 is the first that computes a Conv in INT8 whose bias is float; older ones give the same
    answers no faster than float32.
    """
    remedy = f"pip install 'onnxruntime>=1.21'{_pin()}, which makes INT8 fast"
    return _versioned("onnxruntime", "ONNX Runtime", OLDEST_ONNXRUNTIME, remedy)


def check_onnx() -> Check:
    """An engine is built from a graph that `onnx` adapts; so is the INT8 model for x86."""
    why = "not needed on this processor"
    if machine.is_x86():
        why = "INT8 is about three times slower on an x86 processor without it"
    if has_nvidia():
        why = "no TensorRT engine can be built without it"
    remedy = f"pip install onnx{_pin()}" if machine.is_x86() or has_nvidia() else ""
    return _optional("onnx", "onnx", why, remedy)


def _pin() -> str:
    """Keeps pip from bringing NumPy 2, which a Jetson's own OpenCV cannot be loaded with."""
    return " 'numpy<2'" if is_jetson() else ""


def check_memory() -> Check:
    """Enough memory for the model, the frames and the system."""
    found = machine.memory_mb()
    if found >= MEMORY_NEEDED_MB:
        return Check("memory", OK, f"{found} MB")
    return Check("memory", NOTE, f"{found} MB", "gemscan takes up to 400 MB; close other programs")


def _home_or_root() -> Path:
    home = home_folder()
    return home if home and home.exists() else Path("/")


def check_disk() -> Check:
    """Enough room for recordings and derived files."""
    free_mb = shutil.disk_usage(_home_or_root()).free // 2**20
    if free_mb >= DISK_NEEDED_MB:
        return Check("disk", OK, f"{free_mb} MB free")
    return Check("disk", NOTE, f"{free_mb} MB free", "free some space before recording")


def check_bundle(path: Path) -> Check:
    """The bundle's hashes are right, and its golden pictures come out right on the CPU."""
    try:
        bundle_module = importlib.import_module("deploy.bundle")
        backends = importlib.import_module("deploy.backends")
        bundle = bundle_module.load_bundle(path)
        with backends.open_backend(bundle, "onnx-cpu") as backend:
            said = f"{bundle.manifest.name}, {backend.precision}, golden pictures come out right"
    except ImportError as exc:
        return Check("bundle", MISSING, f"not tried: {exc}", "install what is missing above")
    except GemscanError as exc:
        return Check("bundle", MISSING, str(exc), "gemscan run --bundle B takes another one")
    return Check("bundle", OK, said)


def _versioned(module: str, name: str, oldest: tuple[int, int], remedy: str) -> Check:
    try:
        loaded = importlib.import_module(module)
    except (ImportError, OSError) as exc:
        return Check(name, MISSING, str(exc), remedy)
    version = str(getattr(loaded, "__version__", "unknown"))
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if numbers >= oldest:
        return Check(name, OK, version)
    return Check(name, NOTE, f"{version}, older than {oldest[0]}.{oldest[1]}", remedy)


def _optional(module: str, name: str, without: str, remedy: str) -> Check:
    """A library that some machines use. It is looked for and not loaded: that can take seconds."""
    if importlib.util.find_spec(module) is None:
        return Check(name, NOTE if remedy else OK, f"not installed; {without}", remedy)
    return Check(name, OK, installed(module) or "installed")
