from __future__ import annotations

import importlib
import socket
import sys

import pytest

from edge_app import display, doctor, machine


@pytest.fixture
def without(monkeypatch):
    """Makes a library fail to load, with the message that its import would bring."""
    real = importlib.import_module

    def fail(module: str, message: str) -> None:
        def import_module(name, *rest):
            if name == module:
                raise ImportError(message)
            return real(name, *rest)

        monkeypatch.setattr(importlib, "import_module", import_module)

    return fail


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
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
    assert len({check.name for check in checks}) == len(checks) == 16


def test_a_library_that_is_too_old_is_noted(monkeypatch):
    monkeypatch.setattr(sys.modules["numpy"], "__version__", "1.19.5")

    check = doctor.check_numpy()

    assert (check.state, check.found) == (doctor.NOTE, "1.19.5, older than 1.21")


def test_two_opencv_packages_are_noted(monkeypatch):
    there = {"opencv-python": "4.8", "opencv-contrib-python": "4.8"}
    monkeypatch.setattr(doctor, "_installed", lambda name: there.get(name, ""))

    check = doctor.check_opencv_packages()

    assert check.state == doctor.NOTE
    assert "pip uninstall opencv-python opencv-contrib-python" in check.remedy


def test_a_processor_without_integer_instructions_is_noted(monkeypatch):
    monkeypatch.setattr(machine, "int8_instructions", lambda: [])

    assert doctor.check_processor().state == doctor.NOTE


@pytest.mark.parametrize("gpu", [True, False])
def test_nothing_is_to_be_installed_that_this_version_cannot_use(monkeypatch, gpu):
    """Whoever has the hardware is told that it waits; nobody is sent to install anything."""
    monkeypatch.setattr(doctor, "_has_nvidia", lambda: gpu)
    monkeypatch.setattr(machine, "board", lambda: "Raspberry Pi 5 Model B")

    tensorrt, pycuda, picamera2 = checks = (
        doctor.check_tensorrt(),
        doctor.check_pycuda(),
        doctor.check_picamera2(),
    )

    assert tensorrt.state == pycuda.state == (doctor.NOTE if gpu else doctor.OK)
    assert picamera2.state == doctor.NOTE
    for check in (*checks, doctor.check_gstreamer()):
        assert check.found.endswith("; not used by this version yet")
        assert not check.remedy


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
