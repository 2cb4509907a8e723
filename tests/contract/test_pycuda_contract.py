"""The project's code and the fake pycuda, held to what the real pycuda has.

`pycuda.json` is a record of the real one, written by `pycuda_dump.py`. `test_pycuda_real.py` sees
that it still is.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.contract.pycuda_helpers import FAKES, ROOT, run_module
from tests.contract.pycuda_uses import DRIVER, Record, arguments, problem, sources, uses

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
    return json.loads(run_module(["tests.contract.pycuda_dump"], variables).stdout)


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
