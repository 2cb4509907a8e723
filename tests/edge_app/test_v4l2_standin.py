"""Cameras over the real OpenCV, and over a stand-in for the kernel's side of Video4Linux.

Each OpenCV that is here is tried: the one beside this Python, and the system's own, which is what a
board has. See tests/standin_v4l2/README.md.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standin_v4l2.camera import CannotBuildError, StandinCamera, build_library

HERE = Path(__file__).resolve().parent.parent / "standin_v4l2"
SYSTEM_PYTHON = "/usr/bin/python3"
LONGEST_S = 120
MODULES = ("camera_checks", "lock_checks", "command_checks")


def names_in(module: str) -> list[str]:
    """The checks of a module, which is not loaded here: it is for where there is a camera."""
    tree = ast.parse((HERE / f"{module}.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [f.name for f in functions if any(ast.unparse(d) == "check" for d in f.decorator_list)]


ALL = [(module, name) for module in MODULES for name in names_in(module)]


def has_opencv(python: str) -> bool:
    code = "import cv2, numpy; assert hasattr(cv2, 'CAP_V4L2')"
    try:
        return subprocess.run([python, "-c", code], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="session")
def standin_library(tmp_path_factory) -> Path:
    try:
        return build_library(tmp_path_factory.mktemp("standin-v4l2"))
    except CannotBuildError as exc:
        pytest.skip(str(exc))


@pytest.fixture(scope="session", params=[sys.executable, SYSTEM_PYTHON], ids=["own", "system"])
def outcomes(request, standin_library, tmp_path_factory) -> dict[str, tuple[bool, str]]:
    """How each check ended, with one of the OpenCVs."""
    if not has_opencv(request.param):
        pytest.skip(f"{request.param} has no OpenCV")
    folder = tmp_path_factory.mktemp("cameras")
    running = [
        StandinCamera(standin_library, folder / module).start(
            *("-m", "tests.standin_v4l2.checks", f"tests.standin_v4l2.{module}"),
            python=request.param,
        )
        for module in MODULES  # beside each other: they mostly wait
    ]
    ended = [child.communicate(timeout=LONGEST_S) for child in running]
    lines = [json.loads(line) for out, _ in ended for line in out.splitlines()]
    assert [err for _, err in ended] == ["" for _ in MODULES]
    return {line["check"]: (line["passed"], line["said"]) for line in lines}


@pytest.mark.parametrize(("module", "name"), ALL)
def test_a_camera(outcomes, module, name):
    passed, said = outcomes[name]

    assert passed, said
    assert said == ""  # OpenCV's own complaints are not for the operator
