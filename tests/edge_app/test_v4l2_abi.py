"""The structures and numbers for the kernel are those of its own header."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_app.sources import v4l2_controls as controls
from edge_app.v4l2 import abi

STRUCTURES = {
    "v4l2_capability": abi.Capability,
    "v4l2_fmtdesc": abi.FormatDescription,
    "v4l2_frmsizeenum": abi.FrameSize,
    "v4l2_frmivalenum": abi.FrameInterval,
    "v4l2_queryctrl": abi.ControlDescription,
    "v4l2_control": abi.ControlValue,
    "v4l2_requestbuffers": abi.BufferRequest,
}
NUMBERS = {
    **{name: value for name, value in vars(abi).items() if name.startswith("VIDIOC_")},
    "V4L2_BUF_TYPE_VIDEO_CAPTURE": abi.VIDEO_CAPTURE,
    "V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE": abi.VIDEO_CAPTURE_MPLANE,
    "V4L2_MEMORY_MMAP": abi.MEMORY_MMAP,
    "V4L2_CAP_VIDEO_CAPTURE": abi.CAN_CAPTURE,
    "V4L2_CAP_VIDEO_CAPTURE_MPLANE": abi.CAN_CAPTURE_MPLANE,
    "V4L2_CAP_DEVICE_CAPS": abi.HAS_DEVICE_CAPS,
    "V4L2_FRMSIZE_TYPE_DISCRETE": abi.DISCRETE,
    "V4L2_FRMIVAL_TYPE_DISCRETE": abi.DISCRETE,
    "V4L2_CTRL_FLAG_DISABLED": abi.DISABLED,
    "V4L2_CTRL_FLAG_READ_ONLY": abi.READ_ONLY,
    "V4L2_CID_EXPOSURE_AUTO": controls.EXPOSURE_AUTO,
    "V4L2_EXPOSURE_MANUAL": controls.EXPOSURE_MANUAL,
    "V4L2_CID_EXPOSURE_ABSOLUTE": controls.EXPOSURE_ABSOLUTE,
    "V4L2_CID_AUTO_WHITE_BALANCE": controls.AUTO_WHITE_BALANCE,
    "V4L2_CID_WHITE_BALANCE_TEMPERATURE": controls.WHITE_BALANCE_TEMPERATURE,
    "V4L2_CID_AUTOGAIN": controls.AUTOGAIN,
    "V4L2_CID_GAIN": controls.GAIN,
}


def fields(kind: type[ctypes.Structure]) -> list[str]:
    return [name for name, *_ in kind._fields_ if name not in ("size", "interval", "rest")]


@pytest.fixture(scope="module")
def header(tmp_path_factory) -> dict[str, int]:
    """What the kernel's header says, by a program that was compiled with it."""
    compiler = shutil.which("cc")
    if compiler is None or not Path("/usr/include/linux/videodev2.h").is_file():
        pytest.skip("no C compiler, or no linux/videodev2.h")
    wanted = {name: name for name in NUMBERS}
    for name, kind in STRUCTURES.items():
        wanted[name] = f"sizeof(struct {name})"
        wanted |= {f"{name}.{f}": f"offsetof(struct {name}, {f})" for f in fields(kind)}
    lines = [f'printf("{n} %lu\\n", (unsigned long)({what}));' for n, what in wanted.items()]
    includes = "#include <linux/videodev2.h>\n#include <stddef.h>\n#include <stdio.h>\n"
    folder = tmp_path_factory.mktemp("abi")
    (folder / "abi.c").write_text(f"{includes}int main(void) {{ {' '.join(lines)} return 0; }}\n")
    subprocess.run([compiler, "-o", "abi", "abi.c"], cwd=folder, check=True)
    said = subprocess.run([folder / "abi"], capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in map(str.split, said.splitlines())}


def test_numbers_are_the_kernels(header):
    assert {name: header[name] & 0xFFFFFFFF for name in NUMBERS} == NUMBERS


def test_structures_are_the_kernels(header):
    for name, kind in STRUCTURES.items():
        assert header[name] == ctypes.sizeof(kind), name
        for field in fields(kind):
            assert header[f"{name}.{field}"] == getattr(kind, field).offset, f"{name}.{field}"


def test_structures_are_the_same_on_32_and_64_bit():
    """No pointer, no long, no 64-bit field: nothing whose size or place depends on the machine."""
    for name, kind in STRUCTURES.items():
        assert ctypes.alignment(kind) <= 4, name
