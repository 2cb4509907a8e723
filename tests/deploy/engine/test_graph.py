"""CUDA graphs through the driver: argument types as in cuda.h, and nothing left after a failure."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, c_int, c_ulonglong, c_void_p

import pytest

from deploy.engine import graph
from deploy.engine.graph import Graph, GraphError

STREAM = 0x7FFF_1234_5678_9AB0  # more than 32 bits, as a stream's handle is
GRAPH, RUNNABLE = 0x7FFF_0000_0000_0A10, 0x7FFF_0000_0000_0B20
# cuda.h: CUstream, CUgraph and CUgraphExec are pointers, a CUresult is an int.
PROTOTYPES = {
    "cuStreamBeginCapture_v2": CFUNCTYPE(c_int, c_void_p, c_int),
    "cuStreamEndCapture": CFUNCTYPE(c_int, c_void_p, POINTER(c_void_p)),
    "cuGraphInstantiateWithFlags": CFUNCTYPE(c_int, POINTER(c_void_p), c_void_p, c_ulonglong),
    "cuGraphLaunch": CFUNCTYPE(c_int, c_void_p, c_void_p),
    "cuGraphExecDestroy": CFUNCTYPE(c_int, c_void_p),
    "cuGraphDestroy": CFUNCTYPE(c_int, c_void_p),
}


class Driver:
    """Real C functions, through which ctypes checks and converts every argument.

    calls: name and plain arguments of each call. live: handles not destroyed yet.
    """

    def __init__(self, **codes: int) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.live: list[int] = []
        for name, prototype in PROTOTYPES.items():
            setattr(self, name, prototype(self._function(name, codes.get(name, 0))))

    def _function(self, name: str, code: int) -> Callable[..., int]:
        def called(*words: object) -> int:
            self.calls.append((name, *(w for w in words if not isinstance(w, ctypes._Pointer))))
            if code == 0:
                self._do(name, words)
            return code

        return called

    def _do(self, name: str, words: tuple[object, ...]) -> None:
        made = {"cuStreamEndCapture": GRAPH, "cuGraphInstantiateWithFlags": RUNNABLE}
        if name in made:
            pointer = next(word for word in words if isinstance(word, ctypes._Pointer))
            pointer[0] = made[name]
            self.live.append(made[name])
        elif name.endswith("Destroy"):
            self.live.remove(words[0])

    @property
    def names(self) -> list[object]:
        return [call[0] for call in self.calls]


def use(monkeypatch, **codes: int) -> Driver:
    driver = Driver(**codes)
    monkeypatch.setattr(graph, "_load", lambda: driver)
    return driver


def test_work_is_recorded_started_and_freed_with_the_right_arguments(monkeypatch):
    driver = use(monkeypatch)

    recorded = Graph(STREAM, lambda: driver.calls.append(("the work",)))
    recorded.launch()
    recorded.launch()
    recorded.close()
    recorded.close()

    assert driver.calls == [
        ("cuStreamBeginCapture_v2", STREAM, 1),  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        ("the work",),
        ("cuStreamEndCapture", STREAM),
        ("cuGraphInstantiateWithFlags", GRAPH, 0),
        ("cuGraphLaunch", RUNNABLE, STREAM),
        ("cuGraphLaunch", RUNNABLE, STREAM),
        ("cuGraphExecDestroy", RUNNABLE),
        ("cuGraphDestroy", GRAPH),
    ]
    assert driver.live == []


@pytest.mark.parametrize(
    "failing", ["cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"]
)
def test_whichever_call_fails_nothing_is_left_and_the_code_is_told(monkeypatch, failing):
    driver = use(monkeypatch, **{failing: 901})

    with pytest.raises(GraphError, match=f"{failing} failed with CUresult 901"):
        Graph(STREAM, lambda: driver.calls.append(("the work",)))

    assert driver.live == []
    began = failing != "cuStreamBeginCapture_v2"
    assert ("the work" in driver.names) == began
    assert driver.names.count("cuStreamEndCapture") == began


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_work_that_fails_ends_the_recording_and_raises_its_own_error(monkeypatch, error):
    """A stream left recording would refuse all that comes later."""
    driver = use(monkeypatch)

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        Graph(STREAM, fail)

    assert driver.names == ["cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphDestroy"]
    assert driver.live == []


def test_a_launch_that_fails_is_an_error_and_can_still_be_closed(monkeypatch):
    driver = use(monkeypatch, cuGraphLaunch=700)
    recorded = Graph(STREAM, lambda: None)

    with pytest.raises(GraphError, match="cuGraphLaunch failed with CUresult 700"):
        recorded.launch()
    recorded.close()

    assert driver.live == []


def test_a_driver_that_cannot_free_any_more_does_not_keep_close_from_ending(monkeypatch):
    driver = use(monkeypatch, cuGraphExecDestroy=700, cuGraphDestroy=700)
    recorded = Graph(STREAM, lambda: None)

    recorded.close()
    recorded.close()

    assert driver.names[-2:] == ["cuGraphExecDestroy", "cuGraphDestroy"]
    assert len(driver.names) == 5


@pytest.mark.parametrize("missing", ["cuStreamBeginCapture_v2", "cuGraphInstantiateWithFlags"])
def test_a_driver_too_old_to_have_a_function_is_told_by_its_name(monkeypatch, missing):
    driver = use(monkeypatch)
    delattr(driver, missing)

    with pytest.raises(GraphError, match=f"this driver has no {missing}"):
        Graph(STREAM, lambda: None)

    assert driver.live == []


def test_no_driver_at_all_is_a_graph_error(monkeypatch):
    monkeypatch.setattr(graph, "LIBRARY", "libcuda-that-is-not-there.so.1")

    with pytest.raises(GraphError, match="libcuda-that-is-not-there"):
        Graph(STREAM, lambda: None)
