"""The project's code and the fake pycuda, held to what the real pycuda has.

`pycuda.json` is a record of the real one (`pycuda_dump.py`). The tests marked slow compile the
real one, over a stand-in for the GPU driver, and skip with a reason where that cannot be done.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tests.contract.pycuda_checks  # noqa: F401  # fills pycuda_helpers.CHECKS
from tests.contract import build_pycuda, pycuda_helpers
from tests.contract.pycuda_uses import DRIVER, Record, arguments, problem, sources, uses

ROOT = Path(__file__).resolve().parents[2]
FAKES = ROOT / "tests" / "fakes" / "site"
RAW: dict[str, Any] = json.loads((ROOT / "tests/contract/pycuda.json").read_text())
RECORD = Record(RAW)
FEWEST_USES = 30  # the project's code had 37 when this was written


def problems(source: str) -> list[str]:
    return [said for use in uses(source, RECORD) if (said := problem(use, RECORD))]


# ---- the project's code -----------------------------------------------------------------


def test_the_project_asks_pycuda_only_for_what_it_has():
    found = [(path, use) for path in sources(ROOT) for use in uses(path.read_text(), RECORD)]

    wrong = [f"{path.name} {said}" for path, use in found if (said := problem(use, RECORD))]
    assert wrong == []
    # A check that finds nothing to check would pass for ever.
    assert len(found) >= FEWEST_USES
    assert {use.owner for _, use in found} >= {DRIVER, "Context", "Stream", "Event", "Device"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("cuda.mem_aloc(8)", "mem_aloc: there is no such name"),
        ("cuda.Graph()", "Graph: there is no such name"),
        ("stream = cuda.Stream()\nstream.begin_capture()", "line 2: Stream.begin_capture"),
        ("self._a = self._cuda.Stream()\nself._a.close()", "Stream.close: there is no such"),
        ("a, b = cuda.Event(), cuda.Event()\nb.time_to(a)", "Event.time_to: there is no such"),
        ("c = cuda.Device(0).retain_primary_context()\nc.release()", "Context.release: there is"),
        ("x: Any = cuda.mem_alloc(8)\nx.release()", "DeviceAllocation.release: there is no such"),
        ("a = cuda.pagelocked_empty(8, 'u1')\na.base.close()", "PagelockedHostAllocation.close"),
        ("cuda.memcpy_htod_async(dst=a, src=b)", "takes (dest, src, stream=None)"),
        ("cuda.memcpy_htod_async(a)", "takes (dest, src, stream=None)"),
        ("cuda.mem_alloc(size=8)", "takes (_)"),
        ("cuda.Context.push()", "called on the class, but it needs an object"),
        ("cuda.Context()", "cannot be made"),
        ("cuda.Stream(0, 1)", "takes (flags=0)"),
        ("cuda.Device(0).warp_sise", "Device.warp_sise: there is no such"),
        ("try:\n    f()\nexcept cuda.OutOfMemory:\n    pass", "OutOfMemory: there is no such"),
    ],
)
def test_code_that_pycuda_would_refuse_is_found(source, said):
    (found,) = problems(source)
    assert said in found


def test_code_that_pycuda_takes_is_let_through():
    assert (
        problems(
            "context = device = cuda.Device(0)\n"
            "context = cuda.Device(0).retain_primary_context()\n"
            "old, self._context = self._context, None\n"
            "cuda.Context.pop()\n"
            "cuda.memcpy_dtoh_async(a, src=b, stream=s)\n"
            "cuda.Event(cuda.event_flags.BLOCKING_SYNC).record().synchronize()\n"
            "cuda.Device(0).integrated\n"
            "torch.cuda.is_available()\n"
            "cuda.memcpy_htod(*pair)\n"
        )
        == []
    )


# ---- the fake ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fake() -> dict[str, Any]:
    """The fake's names and arguments, recorded as the real one's were."""
    if not (FAKES / "pycuda").is_dir():
        pytest.skip("there is no fake pycuda")
    variables = {"PYTHONPATH": os.pathsep.join([str(FAKES), str(ROOT)]), "FAKE_TENSORRT": "10.3"}
    return json.loads(run(["tests.contract.pycuda_dump"], variables))


def run(module: list[str], variables: dict[str, str]) -> str:
    """What a module prints, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_fake_has_only_what_the_real_one_has(fake):
    for group in ("functions", "classes", "aliases", "errors", "constants"):
        assert set(fake[group]) <= set(RAW[group]), group
    for name, names in fake["constants"].items():
        assert set(names) <= set(RAW["constants"][name]), name
    for name in fake["classes"]:
        theirs, ours = RAW["classes"][name], fake["classes"][name]
        assert set(ours["methods"]) - {"__init__"} <= set(theirs["methods"]), name
        assert set(ours["properties"]) <= set(theirs["properties"]), name
        assert ours["bases"] == theirs["bases"], name
    assert fake["errors"] == RAW["errors"]


def test_the_fakes_functions_take_the_same_arguments(fake):
    pairs = [(name, ways, RAW["functions"][name]) for name, ways in fake["functions"].items()]
    for cls, members in fake["classes"].items():
        for name, ways in members["methods"].items():
            # A class that cannot be made has no __init__ in the record; the fake's refuses.
            recorded = RAW["classes"][cls]["methods"].get(name, ["() -> None"])
            pairs.append((f"{cls}.{name}", ways, recorded))

    assert [
        f"{name}{ours[0]}: {theirs}" for name, ours, theirs in pairs if differ(ours, theirs)
    ] == []


def differ(ours: list[str], theirs: list[str]) -> bool:
    """Whether a fake is called otherwise; it may leave out optional arguments at the end."""
    (way,) = ours
    mine = [shape(word) for word in arguments(way)]
    for recorded in ([shape(word) for word in arguments(one)] for one in theirs):
        left_out = recorded[len(mine) :]
        if recorded[: len(mine)] == mine and all(optional for _, optional in left_out):
            return way.startswith("static") != theirs[0].startswith("static")
    return True


@pytest.mark.parametrize(
    ("ours", "theirs", "differs"),
    [
        ("(dest, src) -> object", "(dest, src, stream=None) -> None", False),
        ("(dest) -> object", "(dest, src, stream=None) -> None", True),
        ("(dst, src) -> object", "(dest, src) -> None", True),
        ("(dest, src, stream) -> object", "(dest, src, stream=None) -> None", True),
        ("(size) -> object", "(_) -> None", True),
        ("() -> object", "static () -> None", True),
    ],
)
def test_a_fake_that_is_called_otherwise_is_found(ours, theirs, differs):
    assert differ([ours], [theirs]) == differs


def shape(word: str) -> tuple[str, bool]:
    """An argument's name, and whether it may be left out."""
    name, equals, _ = word.partition("=")
    return name, bool(equals)


# ---- the real one ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def real_pycuda() -> dict[str, str]:
    """The environment in which pycuda can be imported. Two minutes, the first time."""
    try:
        return {**build_pycuda.environment(), "STANDIN_CUDA_MEMORY": str(64 << 20)}
    except build_pycuda.CannotBuildError as exc:
        pytest.skip(str(exc))


@pytest.mark.slow
def test_the_record_is_what_the_real_pycuda_has(real_pycuda):
    seen = json.loads(run(["tests.contract.pycuda_dump"], real_pycuda))
    if seen["cuda"] != RAW["cuda"]:  # some names depend on the CUDA it was compiled with
        pytest.skip(f"recorded with CUDA {RAW['cuda']}, compiled with {seen['cuda']}")
    assert seen == RAW


@pytest.mark.slow
@pytest.mark.parametrize("check", list(pycuda_helpers.CHECKS))
def test_the_real_pycuda_keeps_its_rules(real_pycuda, check):
    said = run(["tests.contract.pycuda_checks", check], real_pycuda)
    assert f"{check}: passed" in said


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


def test_without_the_package_index_the_reason_is_given(tmp_path):
    with pytest.raises(build_pycuda.CannotBuildError, match="not fetched"):
        build_pycuda._run([sys.executable, "-c", "raise SystemExit(1)"], tmp_path, "not fetched")


def test_the_record_is_of_the_version_that_is_compiled():
    assert RAW["pycuda"] == build_pycuda.VERSION
