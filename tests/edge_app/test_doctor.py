from __future__ import annotations

import importlib
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


@pytest.mark.parametrize("name", [":77", "localhost:77.0", "nonsense"])
def test_a_screen_that_does_not_answer_is_no_screen(monkeypatch, name):
    """Qt would end the whole process."""
    monkeypatch.setattr(display, "opencv_has_windows", lambda: True)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", name)

    assert display.display_problem() == f"the screen DISPLAY={name} does not answer"


def test_the_machine_is_described_without_loading_anything():
    said = machine.describe_machine()

    assert said["cores"] >= 1
    assert said["memory_mb"] > 100
    assert machine.peak_memory_mb() > 10
    assert 0 <= machine.process_age_s() < 86400
