"""The real pycuda, compiled here, over a stand-in for the GPU driver.

It takes two minutes once, and is skipped, with the reason, where there are no CUDA headers, no
compiler, or no package index. What it shows is the project's use of pycuda with pycuda's own rules;
it is no run on a GPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.contract import (
    build_pycuda,
    pycuda_backend_checks,
    pycuda_checks,
    pycuda_lane_checks,
    pycuda_stream_checks,
)
from tests.contract.pycuda_helpers import CHECKS, FAKES, ROOT, run_module
from tests.nets import draw_stones, write_full_bundle

RAW: dict[str, Any] = json.loads((ROOT / "tests/contract/pycuda.json").read_text())


def checks_of(*modules: ModuleType) -> list[str]:
    names = {module.__name__ for module in modules}
    return [name for name, one in CHECKS.items() if one.__module__ in names]


RULES = checks_of(pycuda_checks, pycuda_stream_checks)
BACKEND = checks_of(pycuda_lane_checks, pycuda_backend_checks)
WHOLE_WAY = "the_backend_classifies_from_several_threads_and_leaves_nothing"


@pytest.fixture(scope="session")
def real_pycuda() -> dict[str, str]:
    """The environment in which pycuda can be imported. Two minutes, the first time."""
    try:
        return {**build_pycuda.environment(), "STANDIN_CUDA_MEMORY": str(64 << 20)}
    except build_pycuda.CannotBuildError as exc:
        pytest.skip(str(exc))


@pytest.mark.slow
def test_the_record_is_what_the_real_pycuda_has(real_pycuda):
    seen = json.loads(run_module(["tests.contract.pycuda_dump"], real_pycuda).stdout)
    if seen["cuda"] != RAW["cuda"]:  # some names depend on the CUDA it was compiled with
        pytest.skip(f"recorded with CUDA {RAW['cuda']}, compiled with {seen['cuda']}")
    assert seen == RAW


@pytest.mark.slow
@pytest.mark.parametrize("check", RULES)
def test_the_real_pycuda_keeps_its_rules(real_pycuda, check):
    assert (
        f"{check}: passed"
        in run_module(["tests.contract.pycuda_checks", check], real_pycuda).stdout
    )


@pytest.fixture(scope="session")
def prepared(real_pycuda, tmp_path_factory) -> Path:
    """A folder with a bundle of both models, where pycuda could be compiled."""
    folder = tmp_path_factory.mktemp("over-pycuda")
    write_full_bundle(folder / "bundle", draw_stones(folder / "stones"))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "version"),
    [*((one, "10.3") for one in BACKEND), (WHOLE_WAY, "8.6"), (WHOLE_WAY, "11.4")],
)
def test_the_backend_works_over_the_real_pycuda(real_pycuda, prepared, tmp_path, check, version):
    real, root = real_pycuda["PYTHONPATH"].split(os.pathsep)
    done = run_module(
        ["tests.contract.pycuda_backend_checks", check],
        {
            **real_pycuda,
            "PYTHONPATH": os.pathsep.join([real, str(FAKES), root]),  # TensorRT alone is the fake
            "FAKE_TENSORRT": version,
            "CHECK_BUNDLE": str(prepared / "bundle"),
            "GEMSCAN_CACHE": str(tmp_path),
        },
    )
    assert f"{check}: passed" in done.stdout
    if "lost" not in check:  # pycuda warns of what it could not free, and of a context left
        assert "PyCUDA" not in done.stderr


@pytest.mark.slow
def test_a_machine_without_a_device_is_told_so(real_pycuda):
    words = (
        "from deploy.engine.cuda import Gpu\n"
        "from deploy.errors import BackendError\n"
        "try:\n    Gpu()\nexcept BackendError as exc:\n    print(exc)"
    )
    done = subprocess.run(
        [sys.executable, "-c", words],
        env={**os.environ, **real_pycuda, "STANDIN_CUDA_DEVICES": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "cannot start: cuInit failed: no CUDA-capable device is detected" in done.stdout


# ---- compiling it -----------------------------------------------------------------------------


def test_a_toolkit_is_found_through_links_and_needs_its_headers(tmp_path, monkeypatch):
    toolkit = tmp_path / "cuda-13"
    for folder in ("bin", "include", "../elsewhere"):
        (toolkit / folder).mkdir(parents=True)
    for header in build_pycuda.HEADERS:
        (toolkit / "include" / header).touch()
    (toolkit / "bin" / "nvcc").touch(mode=0o755)
    (tmp_path / "elsewhere" / "nvcc").symlink_to(toolkit / "bin" / "nvcc")
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)

    assert build_pycuda.find_toolkit(path=str(tmp_path / "elsewhere")) == toolkit

    (toolkit / "include" / "cuda.h").unlink()
    monkeypatch.setattr(build_pycuda, "LAST_RESORT", tmp_path / "nothing")
    with pytest.raises(build_pycuda.CannotBuildError, match=r"no CUDA toolkit with cuda\.h"):
        build_pycuda.find_toolkit(path=str(tmp_path / "elsewhere"))


def test_an_interrupted_build_leaves_nothing_that_looks_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(build_pycuda, "BUILD", tmp_path)
    monkeypatch.setattr(build_pycuda, "find_toolkit", lambda: tmp_path)
    monkeypatch.setattr(build_pycuda, "_need", lambda *tools: None)
    monkeypatch.setattr(build_pycuda, "_fetch", lambda work: work)

    def interrupted(source: Path, toolkit: Path, work: Path) -> None:
        (work / "package").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(build_pycuda, "_compile", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_pycuda.pycuda_folder()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_build_left_is_cleared_away(tmp_path, monkeypatch):
    monkeypatch.setattr(build_pycuda, "BUILD", tmp_path)
    (tmp_path / "draft-1234" / "package").mkdir(parents=True)
    (tmp_path / "pycuda-1.0-cpython-311").mkdir()
    with build_pycuda._one_at_a_time():
        assert {path.name for path in tmp_path.iterdir()} == {
            "pycuda-1.0-cpython-311",
            "pycuda.lock",
        }


def test_without_the_package_index_the_reason_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(build_pycuda.CannotBuildError, match=r"(?s)not fetched:\n.*No matching"):
        build_pycuda._fetch(tmp_path)


def test_the_record_is_of_the_version_that_is_compiled():
    assert RAW["pycuda"] == build_pycuda.VERSION
