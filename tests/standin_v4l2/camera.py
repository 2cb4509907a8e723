"""The stand-in camera for a test: the library compiled, what it reads laid out, a child run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from tests.standin_v4l2.steer import steer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SIZES = ((1280, 720), (640, 480), (320, 240))
USB = "sys/devices/standin/usb1/1-2"
BY_ID = "usb-Standin_Webcam_A1B2-video-index"


class CannotBuildError(Exception):
    """The library cannot be compiled here; the text says why."""


def build_library(folder: Path) -> Path:
    """Compile the library.

    Raises:
        CannotBuildError: no compiler, or no header of the kernel's.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise CannotBuildError("no C compiler (cc) to compile the stand-in camera with")
    library = folder / "standin_v4l2.so"
    flags = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-fPIC", "-shared"]
    sources = [str(path) for path in sorted(HERE.glob("*.c"))]
    command = [compiler, *flags, "-o", str(library), *sources, "-ldl", "-pthread"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise CannotBuildError(f"the stand-in camera was not compiled:\n{done.stderr[-2000:]}")
    return library


class StandinCamera:
    """A webcam at /dev/video77 for child processes.

    root: the folder that stands for / where cameras are concerned.
    """

    def __init__(self, library: Path, root: Path) -> None:
        self.root = root
        self._library = library
        _lay_out(root)
        steer(root)

    def environment(self) -> dict[str, str]:
        """Variables for a child that is to see the camera."""
        ours = {
            "STANDIN_V4L2": str(self.root),
            "LD_PRELOAD": str(self._library),
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        return {**os.environ, **ours}

    def start(self, *words: str, python: str = sys.executable) -> subprocess.Popen[str]:
        """Begin a child; the caller waits for its end."""
        return subprocess.Popen(
            [python, *words],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )


def _lay_out(root: Path) -> None:
    """The files of a USB camera with two nodes, and its pictures."""
    for folder in ("dev/v4l/by-id", "sys/class/video4linux", f"{USB}/1-2:1.0", "pictures"):
        (root / folder).mkdir(parents=True)
    for name, text in {"idVendor": "1d6b", "idProduct": "0104", "serial": "A1B2"}.items():
        (root / USB / name).write_text(f"{text}\n")
    (root / USB / "1-2:1.0" / "bInterfaceNumber").write_text("00\n")
    for index in (0, 1):
        _lay_out_node(root, f"video{77 + index}", index)
    for size in SIZES:
        _draw_pictures(root / "pictures", size)


def _lay_out_node(root: Path, name: str, index: int) -> None:
    (root / "dev" / name).touch()
    (root / "dev/v4l/by-id" / f"{BY_ID}{index}").symlink_to(f"../../{name}")
    node = root / USB / "1-2:1.0" / "video4linux" / name
    node.mkdir(parents=True)
    (node / "name").write_text("Stand-in Webcam\n")
    (node / "index").write_text(f"{index}\n")
    (node / "device").symlink_to("../../../1-2:1.0")
    target = f"../../devices/standin/usb1/1-2/1-2:1.0/video4linux/{name}"
    (root / "sys/class/video4linux" / name).symlink_to(target)


def _draw_pictures(folder: Path, size: tuple[int, int]) -> None:
    """Four that differ as a sensor's do, by noise and a mark, and a black one."""
    width, height = size
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 12, (height // 8, width // 8, 3))
        image = cv2.resize(np.uint8(noise + 90), size, interpolation=cv2.INTER_NEAREST)
        image[:, number * 40 : number * 40 + 32] = (40, 80, 220)
        cv2.imwrite(str(folder / f"{width}x{height}-{number}.jpg"), image)
    cv2.imwrite(str(folder / f"{width}x{height}-black.jpg"), np.zeros((height, width, 3), np.uint8))
