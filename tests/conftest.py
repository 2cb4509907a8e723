"""The fake GPU with TensorRT and pycuda, and the fake picamera2, for tests that ask for one.

See fakes/README.md.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "tests" / "fakes" / "site"
FAKED = ("tensorrt", "pycuda", "fake_gpu")
PI_SITE = ROOT / "tests" / "fakes" / "pi_site"
PI_FAKED = ("picamera2", "libcamera", "fake_pi")
POSES = ("8.6", "10.3", "10.16", "11.4")


@dataclass
class Pose:
    """What a test gets.

    version: the TensorRT posed as, "8.6".
    gpu: the module `fake_gpu`, for settings, counts and faults.
    may_leave, may_break: set by a test that leaves things behind, or breaks a rule, on purpose.
    """

    version: str
    gpu: Any
    may_leave: bool = False
    may_break: bool = False


def forget_fakes(names: Sequence[str] = FAKED) -> None:
    """Let the next import start from nothing: version and device belong to one test."""
    for name in list(sys.modules):
        if name.partition(".")[0] in names:
            del sys.modules[name]


@pytest.fixture(autouse=True, scope="session")
def nothing_of_this_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever runs the tests has cameras calibrated, engines built and stones recorded.

    None of it changes a test, and no test changes any of it.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CAMERAS", "CACHE", "RECORD"):
            folder = tmp_path_factory.getbasetemp() / f"this-users-{name.lower()}"
            patch.setenv(f"GEMSCAN_{name}", str(folder))
        yield


@pytest.fixture(autouse=True)
def no_tensorrt_of_this_pc(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend is chosen as on a computer without TensorRT, but by tests that are about it."""
    if "tensorrt_pose" in request.fixturenames or request.node.get_closest_marker("tensorrt"):
        return
    choose = importlib.import_module("deploy.backends.choose")
    real = choose.find_spec
    monkeypatch.setattr(choose, "find_spec", lambda name: None if name in FAKED else real(name))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small `bundle` with both models, and `stones`, ten of each class; tests only copy them."""
    from tests.nets import draw_stones, write_full_bundle  # a board has no onnx

    root = tmp_path_factory.mktemp("prepared")
    write_full_bundle(root / "bundle", draw_stones(root / "stones"))
    return root


@pytest.fixture(params=POSES)
def tensorrt_pose(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Pose]:
    """`tensorrt` and `pycuda` as fakes, here and in child processes; nothing may be left behind.

    CUDA graphs cannot be had: a test of them lets `deploy.engine.graph._load` give `gpu.driver`.
    """
    path = os.pathsep.join([str(SITE), str(ROOT), os.environ.get("PYTHONPATH", "")])
    for name, value in {
        "FAKE_TENSORRT": request.param,
        "FAKE_GPU": "{}",
        "PYTHONPATH": path.rstrip(os.pathsep),
        "GEMSCAN_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(SITE))
    monkeypatch.setattr("deploy.engine.graph.LIBRARY", "libcuda-of-no-computer.so.1")
    forget_fakes()
    pose = Pose(request.param, importlib.import_module("fake_gpu"))
    yield pose
    gc.collect()
    left, broken = pose.gpu.left_over(), list(pose.gpu.broken_rules)
    pose.gpu.retire()
    forget_fakes()
    assert pose.may_leave or not left, f"left on the device: {left}"
    assert pose.may_break or not broken, f"rules broken: {broken}"


@pytest.fixture
def pi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`picamera2` and `libcamera` as fakes; the module `fake_pi`, for settings and counts.

    When the test ends no camera may be open, no buffer held, and no thread running.
    """
    path = os.pathsep.join([str(PI_SITE), str(ROOT), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path.rstrip(os.pathsep))
    monkeypatch.setenv("FAKE_PI", "{}")
    monkeypatch.syspath_prepend(str(PI_SITE))
    forget_fakes(PI_FAKED)
    fake_pi = importlib.import_module("fake_pi")
    yield fake_pi
    gc.collect()
    left = fake_pi.left_over()
    forget_fakes(PI_FAKED)
    assert not left, f"not given back: {left}"
