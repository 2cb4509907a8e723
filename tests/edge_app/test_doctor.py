from __future__ import annotations

import importlib
import json
import socket
import sys
from types import ModuleType, SimpleNamespace

import pytest

from edge_app import display
from edge_app.doctor import cameras as doctor_cameras
from edge_app.doctor import doctor
from edge_app.doctor import gpu as doctor_gpu
from edge_app.doctor import jetson as doctor_jetson
from edge_app.machine import facts as machine


@pytest.fixture
def without(monkeypatch):
    """Makes a library fail to load, with the message that its import would bring."""
    real = importlib.import_module
    failures: dict[str, Exception] = {}

    def import_module(name, *rest):
        if name in failures:
            raise failures[name]
        return real(name, *rest)

    def fail(module: str, message: str, kind: type[Exception] = ImportError) -> None:
        failures[module] = kind(message)
        monkeypatch.setattr(importlib, "import_module", import_module)

    return fail


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """A computer with an NVIDIA GPU's device files, a PC or a Jetson, and what may be on it."""

    def make(*, jetson: bool = False, modules: tuple[str, ...] = ()) -> None:
        for module in (doctor, doctor_gpu):
            monkeypatch.setattr(module, "has_nvidia", lambda *_: True)
        for module in (doctor, doctor_gpu, doctor_cameras, doctor_jetson):
            monkeypatch.setattr(module, "is_jetson", lambda: jetson)
        monkeypatch.setattr(doctor_jetson, "SYSTEM_PYTHON", tmp_path / "lib")
        monkeypatch.setattr(doctor_gpu, "CUDA", tmp_path / "cuda")
        monkeypatch.setattr(doctor_gpu, "_is_there", lambda name: name in modules)
        monkeypatch.setattr(doctor_gpu.shutil, "which", lambda name: None)

    return make


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        (
            "/lib/libGLdispatch.so.0: cannot allocate memory in static TLS block",
            "export LD_PRELOAD=/lib/libGLdispatch.so.0",
        ),
        ("libGL.so.1: cannot open shared object file", "sudo apt install libgl1"),
        ("libgthread-2.0.so.0: cannot open shared object file", "sudo apt install libglib2.0-0"),
        ("numpy.core.multiarray failed to import", "numpy<2"),
        ("No module named 'cv2'", "pip install opencv-python"),
    ],
)
def test_the_remedy_for_opencv_fits_its_problem(without, problem, remedy):
    without("cv2", problem)

    check = doctor.check_opencv()

    assert (check.state, check.found) == (doctor.MISSING, problem)
    assert remedy in check.remedy


def test_missing_opencv_does_not_end_the_examination(without, bundle):
    without("cv2", "No module named 'cv2'")

    checks = doctor.run_checks(bundle.root)

    assert {check.name: check.state for check in checks}["OpenCV"] == doctor.MISSING
    assert len({check.name for check in checks}) == len(checks) == 17


def test_a_library_that_is_too_old_is_noted(monkeypatch):
    monkeypatch.setattr(sys.modules["numpy"], "__version__", "1.19.5")

    check = doctor.check_numpy()

    assert (check.state, check.found) == (doctor.NOTE, "1.19.5, older than 1.21")


def test_two_opencv_packages_are_noted(monkeypatch):
    there = {"opencv-python": "4.8", "opencv-contrib-python": "4.8"}
    monkeypatch.setattr(doctor, "installed", lambda name: there.get(name, ""))

    check = doctor.check_opencv_packages()

    assert check.state == doctor.NOTE
    assert "pip uninstall opencv-python opencv-contrib-python" in check.remedy


def test_a_processor_without_integer_instructions_is_noted(monkeypatch):
    monkeypatch.setattr(machine, "int8_instructions", lambda: [])

    assert doctor.check_processor().state == doctor.NOTE


def test_only_a_raspberry_pi_is_told_to_install_picamera2(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setattr(machine, "board", lambda: "")
    assert (doctor.check_picamera2().state, doctor.check_picamera2().remedy) == (doctor.OK, "")

    monkeypatch.setattr(machine, "board", lambda: "Raspberry Pi 5 Model B")
    check = doctor.check_picamera2()
    assert check.state == doctor.NOTE
    assert "could not be loaded" in check.found
    assert check.remedy.startswith("sudo apt install python3-picamera2")


def test_the_cameras_of_a_raspberry_pi_are_listed(pi):
    assert doctor.check_picamera2() == doctor.Check(
        "picamera2", doctor.OK, "picamera2://0 is imx708"
    )

    pi.configure(cameras=[])
    assert "rpicam-hello --list-cameras" in doctor.check_picamera2().remedy
    pi.configure(no_list=True)
    assert doctor.check_picamera2().found.startswith("libcamera cannot list its cameras")
    assert pi.STATE["opened"] == 0


def test_a_picamera2_without_libcamera_is_a_note(pi, monkeypatch):
    """As pip installs it: libcamera comes from apt alone."""
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    monkeypatch.setitem(sys.modules, "libcamera", None)

    check = doctor.check_picamera2()

    assert check.state == doctor.NOTE
    assert "libcamera" in check.found
    assert "--system-site-packages" in check.remedy


def test_a_pc_without_an_nvidia_gpu_lacks_nothing(monkeypatch):
    monkeypatch.setattr(doctor_gpu, "has_nvidia", lambda *_: False)

    for check in (doctor.check_tensorrt(), doctor.check_pycuda(), doctor.check_gpu()):
        assert (check.state, check.remedy) == (doctor.OK, "")


def test_tensorrt_on_a_pc_comes_from_pip(gpu):
    gpu()

    check = doctor.check_tensorrt()

    assert (check.state, check.found) == (doctor.NOTE, "not installed")
    assert check.remedy == "pip install tensorrt"


def test_a_jetson_without_tensorrt_is_sent_to_jetpack(gpu):
    gpu(jetson=True)

    assert doctor.check_tensorrt().remedy.startswith("sudo apt install nvidia-jetpack; ")


def test_an_environment_that_hides_jetpacks_tensorrt_is_recognised(gpu, tmp_path):
    gpu(jetson=True)
    (tmp_path / "lib" / "python3.10" / "dist-packages" / "tensorrt").mkdir(parents=True)

    assert "venv --system-site-packages" in doctor.check_tensorrt().remedy


@pytest.mark.parametrize(
    ("problem", "kind", "remedy"),
    [
        ("libnvdla_compiler.so: cannot open shared object file", OSError, "the container is older"),
        ("libnvinfer.so.10: cannot open shared object file", ImportError, "nvidia-jetpack"),
        ("No module named 'tensorrt.tensorrt'", ImportError, "/usr/bin/python3"),
        ("something else", OSError, "--backend onnx-cpu"),
    ],
)
def test_a_tensorrt_that_cannot_be_loaded_says_why(gpu, without, problem, kind, remedy):
    gpu(jetson=True, modules=("tensorrt",))
    without("tensorrt", problem, kind)

    check = doctor.check_tensorrt()

    assert (check.state, check.found) == (doctor.NOTE, f"cannot be loaded: {problem}")
    assert remedy in check.remedy


@pytest.mark.parametrize(("version", "state"), [("10.3.0", "ok"), ("8.4.1.5", "note")])
def test_a_tensorrt_that_loads_gives_its_version(gpu, monkeypatch, version, state):
    gpu(modules=("tensorrt",))
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__=version))

    check = doctor.check_tensorrt()

    assert check.state == state
    assert check.found.startswith(version)


def test_pycuda_is_to_be_compiled_with_nvcc_on_the_path(gpu, tmp_path):
    gpu(jetson=True)
    (tmp_path / "cuda" / "bin").mkdir(parents=True)
    (tmp_path / "cuda" / "bin" / "nvcc").touch()

    remedy = doctor.check_pycuda().remedy

    assert remedy == f"export PATH={tmp_path}/cuda/bin:$PATH; pip install pycuda"


def test_cuda_13_takes_a_newer_pycuda(gpu, monkeypatch, tmp_path):
    gpu(jetson=True)
    (tmp_path / "cuda" / "bin").mkdir(parents=True)
    (tmp_path / "cuda" / "include").mkdir()
    (tmp_path / "cuda" / "include" / "cuda.h").touch()
    said = {"cuda": {"name": "CUDA SDK", "version": "13.0.1"}}
    (tmp_path / "cuda" / "version.json").write_text(json.dumps(said))
    monkeypatch.setattr(doctor_gpu.shutil, "which", lambda name: f"{tmp_path}/cuda/bin/{name}")

    assert doctor.check_pycuda().remedy == "pip install 'pycuda>=2025.1.2'"


def test_pycuda_without_cuda_says_that_it_needs_a_compiler(gpu):
    gpu(jetson=True)

    assert doctor.check_pycuda().remedy == (
        "sudo apt install nvidia-jetpack (pycuda is compiled and needs nvcc), "
        "then: pip install pycuda"
    )


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        ("numpy.core.multiarray failed to import", "--no-build-isolation pycuda"),
        ("libcuda.so.1: cannot open shared object file", "--runtime nvidia"),
        ("undefined symbol: cuCtxCreate_v4", "another CUDA or Python"),
    ],
)
def test_a_pycuda_that_cannot_be_loaded_says_why(gpu, without, problem, remedy):
    gpu(modules=("pycuda",))
    without("pycuda.driver", problem)

    check = doctor.check_pycuda()

    assert check.state == doctor.NOTE
    assert problem in check.found
    assert remedy in check.remedy


class FakePycuda(ModuleType):
    """As much of `pycuda.driver` as tells a GPU's name, capability and memory."""

    class Error(Exception): ...

    class MemoryError(Error): ...

    class device_attribute:  # noqa: N801  # as pycuda names it
        MULTIPROCESSOR_COUNT = "MULTIPROCESSOR_COUNT"
        INTEGRATED = "INTEGRATED"

    class Context:
        @staticmethod
        def pop() -> None: ...

    class Device:
        def __init__(self, number: int) -> None: ...

        @staticmethod
        def count() -> int:
            return 1

        def name(self) -> str:
            return "Orin"

        def compute_capability(self) -> tuple[int, int]:
            return 8, 7

        def get_attribute(self, attribute: str) -> int:
            return {"MULTIPROCESSOR_COUNT": 8, "INTEGRATED": 0}[attribute]

        def retain_primary_context(self):
            return SimpleNamespace(push=lambda: None, detach=lambda: None)

    def __init__(self, problem: str = "") -> None:
        super().__init__("pycuda.driver")
        self.problem = problem

    def init(self) -> None:
        if self.problem:
            raise self.Error(self.problem)

    def mem_get_info(self) -> tuple[int, int]:
        return 5 << 30, 8 << 30


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """Device files that may be used, and a driver that starts unless it is told a problem."""

    def make(problem: str = ""):
        monkeypatch.setattr(doctor_gpu, "_is_there", lambda name: True)
        monkeypatch.setitem(sys.modules, "pycuda.driver", FakePycuda(problem))
        for name in ("nvhost-gpu", "nvmap"):
            (tmp_path / name).touch()
        return tmp_path

    return make


def test_a_gpu_is_named_with_its_memory(driver):
    check = doctor.check_gpu(driver())

    assert check.state == doctor.OK
    assert check.found == "Orin (8 SM), compute capability 8.7, 5120 MB free"


def test_a_driver_that_cannot_start_is_noted(driver):
    check = doctor.check_gpu(driver("cuInit failed: unknown error"))

    assert check.state == doctor.NOTE
    assert "cuInit failed: unknown error" in check.found


def test_a_user_who_may_not_use_the_gpu_is_told_the_groups(driver, monkeypatch):
    dev = driver()
    monkeypatch.setattr(doctor_gpu.os, "access", lambda path, mode: path.name != "nvmap")

    check = doctor.check_gpu(dev)

    assert (check.state, check.found) == (doctor.NOTE, f"not permitted: {dev}/nvmap")
    assert "usermod -aG video,render" in check.remedy


def test_without_pycuda_a_gpu_is_still_no_fault(driver, monkeypatch):
    dev = driver()
    monkeypatch.setattr(doctor_gpu, "_is_there", lambda name: False)

    assert doctor.check_gpu(dev).state == doctor.OK


def test_pips_opencv_on_a_jetson_hides_the_one_with_gstreamer(gpu, monkeypatch):
    gpu(jetson=True)
    monkeypatch.setattr(
        doctor_jetson, "installed", lambda name: "4.11" if name == "opencv-python" else ""
    )
    monkeypatch.setattr(display.cv2, "getBuildInformation", lambda: "  GStreamer:   NO\n")

    check = doctor.check_gstreamer()

    assert check.state == doctor.NOTE
    assert check.remedy.startswith("pip uninstall opencv-python: it hides JetPack's")


def test_nothing_that_pip_is_to_install_on_a_jetson_brings_numpy_2(gpu, monkeypatch, without):
    gpu(jetson=True)
    monkeypatch.setattr(machine, "is_x86", lambda: False)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    without("numpy", "No module named 'numpy'")
    without("onnxruntime", "No module named 'onnxruntime'")

    remedies = [doctor.check_onnxruntime().remedy, doctor.check_onnx().remedy]
    remedies.append(doctor.check_numpy().remedy)

    assert all("<2'" in remedy for remedy in remedies), remedies
    assert "no TensorRT engine" in doctor.check_onnx().found


def test_only_the_bundle_decides_whether_the_machine_is_ready(bundle):
    good = doctor.Check("bundle", doctor.OK, "runs")
    absent = doctor.Check("cameras", doctor.NOTE, "none")

    assert doctor.can_run([absent, good])
    assert not doctor.can_run([absent, doctor.check_bundle(bundle.root / "nowhere")])


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("  GUI:                           QT5\n    QT:   YES (ver 5.15)\n", True),
        ("  GUI:                           GTK3\n", True),
        ("  GUI: \n    GTK+:                        YES (ver 2.24.32)\n", True),
        ("  GUI:                           NONE\n    GTK+:   NO\n", False),
        ("  GUI: \n    QT:    NO\n    GTK+:   NO\n", False),
    ],
)
def test_a_build_with_windows_is_told_from_one_without(monkeypatch, text, windows):
    """The lines that OpenCV 4.5 to 5 print."""
    monkeypatch.setattr(display.cv2, "getBuildInformation", lambda: text)

    assert display.opencv_has_windows() is windows


@pytest.mark.parametrize("name", [":77", "localhost:77.0", "localhost:70000", "nonsense"])
def test_a_screen_that_does_not_answer_is_no_screen(monkeypatch, name):
    """Qt would end the whole process."""
    monkeypatch.setattr(display, "opencv_has_windows", lambda: True)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", name)

    assert display.display_problem() == f"the screen DISPLAY={name} does not answer"


def test_a_wayland_screen_that_is_gone_is_no_screen(monkeypatch, tmp_path):
    """A terminal that outlived its session still names one."""
    monkeypatch.setattr(display, "opencv_has_windows", lambda: True)
    monkeypatch.setattr(display, "_knows_wayland", lambda: True)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7")
    assert display.display_problem() == "the screen WAYLAND_DISPLAY=wayland-7 does not answer"

    with socket.socket(socket.AF_UNIX) as compositor:
        monkeypatch.chdir(tmp_path)
        compositor.bind("wayland-7")
        compositor.listen()
        monkeypatch.setenv("XDG_RUNTIME_DIR", "")  # a short path: sockets allow 107 characters
        assert display.display_problem() == ""


def test_an_opencv_for_x11_alone_cannot_use_a_wayland_screen(monkeypatch, tmp_path):
    """The Qt that comes with pip's OpenCV would end the whole process."""
    plugins = tmp_path / "qt" / "plugins" / "platforms"
    plugins.mkdir(parents=True)
    (plugins / "libqxcb.so").touch()
    monkeypatch.setattr(display.cv2, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(display, "opencv_has_windows", lambda: True)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")

    assert "an X11 screen alone" in display.display_problem()


def test_the_machine_is_described_without_loading_anything():
    said = machine.describe_machine()

    assert said["cores"] >= 1
    assert said["memory_mb"] > 100
    assert machine.peak_memory_mb() > 10
    assert 0 <= machine.process_age_s() < 86400
