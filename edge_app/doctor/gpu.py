"""What `gemscan doctor` says of an NVIDIA GPU: TensorRT, pycuda, the driver.

Who has no such GPU needs none of them and is told so. Without them gemscan runs on the processor,
so nothing here is more than a note. docs/jetson.md says where each of these problems was met.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path

from deploy.engine.cuda import Gpu, first_gpu
from deploy.errors import GemscanError
from edge_app.doctor.check import NOTE, OK, Check, installed
from edge_app.doctor.jetson import unseen
from edge_app.machine.jetson import is_jetson

OLDEST_TENSORRT = (8, 5)
CUDA = Path("/usr/local/cuda")
NOT_NEEDED = "not needed without an NVIDIA GPU"
# Without --no-cache-dir pip would take the one out of its cache that it compiled before.
REBUILD = "pip install --force-reinstall --no-deps --no-cache-dir"
DEVICES = ("nvidia0", "nvidiactl", "nvhost-gpu", "nvhost-ctrl-gpu", "nvmap", "nvgpu/igpu0/ctrl")


def has_nvidia(dev: Path = Path("/dev")) -> bool:
    """The driver's device files: a PC's, and a Jetson's integrated GPU."""
    return any((dev / name).exists() for name in ("nvidia0", "nvhost-gpu", "nvgpu"))


def check_tensorrt() -> Check:
    """TensorRT, loaded only where there is a GPU for it: that takes a second."""
    name = "TensorRT"
    found = (installed("tensorrt") or "installed") if _is_there("tensorrt") else "not installed"
    if not has_nvidia():
        return Check(name, OK, f"{found}; {NOT_NEEDED}")
    if found == "not installed":
        return Check(name, NOTE, found, _where_tensorrt_is())
    try:
        version = str(getattr(importlib.import_module("tensorrt"), "__version__", found))
    except (ImportError, OSError) as exc:  # OSError: a shared library is missing
        return Check(name, NOTE, f"cannot be loaded: {exc}", _tensorrt_remedy(str(exc)))
    if tuple(int(n) for n in re.findall(r"\d+", version)[:2]) < OLDEST_TENSORRT:
        return Check(name, NOTE, f"{version}, older than 8.5", "update JetPack to 6 or later")
    return Check(name, OK, version)


def _where_tensorrt_is() -> str:
    """A Jetson's TensorRT belongs to the system's Python; pip has none for it."""
    if not is_jetson():
        return "pip install tensorrt"
    apt = "sudo apt install nvidia-jetpack; pip install tensorrt does not work on a Jetson"
    return unseen("tensorrt") or apt


def _tensorrt_remedy(problem: str) -> str:
    if "libnvdla_compiler" in problem:
        return "the container is older than the board's JetPack: take one made for it"
    if "tensorrt.tensorrt" in problem:
        return "it was made for another Python: use the system's, /usr/bin/python3"
    if "libnvinfer" in problem or "libcud" in problem:
        lost = "a library under it is missing: "
        on_pc = "pip install --force-reinstall tensorrt"
        return lost + ("sudo apt install nvidia-jetpack" if is_jetson() else on_pc)
    return "gemscan run --backend onnx-cpu works without it"


def check_pycuda() -> Check:
    """pycuda, through which gemscan speaks to the GPU. It is compiled when it is installed."""
    name = "pycuda"
    there = _is_there("pycuda")
    found = (installed("pycuda") or "installed") if there else "not installed"
    if not has_nvidia():
        return Check(name, OK, f"{found}; {NOT_NEEDED}")
    if not there:
        return Check(name, NOTE, found, _how_to_compile())
    try:
        importlib.import_module("pycuda.driver")
    except (ImportError, OSError) as exc:
        return Check(name, NOTE, f"{found} cannot be loaded: {exc}", _pycuda_remedy(str(exc)))
    return Check(name, OK, found)


def _how_to_compile() -> str:
    """pycuda takes the folder above nvcc's for CUDA's, and follows no link to find it."""
    wanted = "'pycuda>=2025.1.2'" if _cuda_version() >= (13,) else "pycuda"
    nvcc = shutil.which("nvcc")
    if nvcc is not None and (Path(nvcc).parent.parent / "include" / "cuda.h").exists():
        return f"pip install {wanted}"
    if (CUDA / "bin" / "nvcc").exists():
        return f"export PATH={CUDA}/bin:$PATH; pip install {wanted}"
    where = "sudo apt install nvidia-jetpack" if is_jetson() else "install NVIDIA's CUDA"
    return f"{where} (pycuda is compiled and needs nvcc), then: pip install {wanted}"


def _pycuda_remedy(problem: str) -> str:
    if "numpy" in problem.lower() or "_ARRAY_API" in problem:
        return f"it was compiled for another NumPy: {REBUILD} --no-build-isolation pycuda"
    if "libcuda.so" in problem:
        return "NVIDIA's driver is not seen; in a container: start it with --runtime nvidia"
    return f"it was compiled for another CUDA or Python: {REBUILD} pycuda"


def _cuda_version() -> tuple[int, ...]:
    """From /usr/local/cuda/version.json, which CUDA has had since 11.1; () where it is not."""
    try:
        said = json.loads((CUDA / "version.json").read_text(encoding="utf-8"))
        return tuple(int(n) for n in str(said["cuda"]["version"]).split("."))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def check_gpu(dev: Path = Path("/dev")) -> Check:
    """The driver starts for this user: the GPU's name, compute capability and free memory."""
    name = "NVIDIA GPU"
    if not has_nvidia(dev):
        return Check(name, OK, "none; ONNX Runtime uses the processor")
    there = [dev / device for device in DEVICES if (dev / device).exists()]
    closed = [str(path) for path in there if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        remedy = "sudo usermod -aG video,render $USER, then log out and in again"
        return Check(name, NOTE, f"not permitted: {', '.join(closed)}", remedy)
    if not _is_there("pycuda"):
        return Check(name, OK, "its driver is there; pycuda would tell more")
    try:
        model = first_gpu()
        with Gpu() as gpu:
            free_mb = gpu.obtainable_bytes() // 2**20
        said = f"{model.name}, compute capability {model.capability}, {free_mb} MB free"
    except GemscanError as exc:
        return Check(name, NOTE, str(exc).partition("\n")[0])
    return Check(name, OK, said)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # a module put in by hand has no spec
        return module in sys.modules
