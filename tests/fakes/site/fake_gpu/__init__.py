"""The device that the fakes of `tensorrt` and `pycuda` share, and a test's controls of it.

    fake_gpu.configure(free_mb=64)     change what settings.py lists, here and in child processes
    fake_gpu.state()                   counts of all that was made, and what is left
    fake_gpu.left_over()               a line for each thing not given back
    fake_gpu.broken_rules              what was done that this project forbids
    fake_gpu.driver                    functions of libcuda that pycuda does not wrap: graphs
    fake_gpu.lose()                    let the device fault: every call fails from now on

Code under test never sees this package; it sees `pycuda.driver` and `tensorrt`.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fake_gpu.errors import DeviceFault, RuleBroken, failure
from fake_gpu.memory import DeviceMemory, HostMemory
from fake_gpu.settings import configure, setting, settings
from fake_gpu.streams import Stream, Streams, Work

__all__ = [
    "DeviceFault",
    "RuleBroken",
    "Stream",
    "Work",
    "configure",
    "failure",
    "setting",
    "settings",
]

memory = DeviceMemory()
host = HostMemory()
streams = Streams()
lock = threading.RLock()
broken_rules: list[str] = []
destroyed_with_context: list[str] = []
primary_contexts = 0  # how many times the primary context is retained
inferences = 0  # that ran
launches = 0  # that were asked for
graph_launches = 0
_local = threading.local()
_stacks: list[tuple[str, list[Any]]] = []


def __getattr__(name: str) -> Any:
    if name != "driver":
        raise AttributeError(f"module 'fake_gpu' has no attribute '{name}'")
    from fake_gpu.graphs import Driver

    globals()["driver"] = Driver()
    return globals()["driver"]


def stack() -> list[Any]:
    """This thread's context stack, the current one last; only pycuda's fake changes it."""
    if not hasattr(_local, "stack"):
        _local.stack = []
        _stacks.append((threading.current_thread().name, _local.stack))
    found: list[Any] = _local.stack
    return found


def current() -> Any:
    """The context that is current on this thread, or None. Those detached meanwhile drop out."""
    while stack() and not stack()[-1]._valid:
        stack().pop()
    return stack()[-1] if stack() else None


def require_context(routine: str) -> None:
    """Fail as a driver call does where it cannot work.

    Raises:
        LogicError: this thread has no current context, or the device has faulted.
    """
    if current() is None:
        raise failure(routine, "INVALID_CONTEXT")
    streams.check(routine)


def forbid(what: str) -> RuleBroken:
    """Note a broken rule, and give the exception to raise: someone may swallow it."""
    broken_rules.append(what)
    return RuleBroken(what)


def run_all(finish: Callable[[], None], routine: str) -> None:
    """Let queued work run, and fail if it faulted.

    Raises:
        LogicError: the device faulted.
    """
    with lock:
        finish()
    streams.check(routine)


def retain_primary() -> None:
    """Hold the primary context once more."""
    global primary_contexts
    primary_contexts += 1


def release_primary() -> None:
    """Hold it once less; with the last holder goes what was allocated in it, noted as left over."""
    global primary_contexts
    primary_contexts -= 1
    if primary_contexts == 0:
        destroyed_with_context.extend([*memory.live("pycuda"), *host.live()])
        streams.forget_all()


def lose() -> None:
    """Let the device fault now."""
    streams.lost = True


def state() -> dict[str, Any]:
    """Counts of everything ever made, and what is left of it."""
    made = {"device": memory.counts["pycuda"], "page_locked": host.count}
    made |= {"streams": streams.count, "events": streams.event_count, "inferences": inferences}
    made |= {"graph_launches": graph_launches}
    return {**made, "left_over": left_over(), "broken_rules": list(broken_rules)}


def left_over() -> list[str]:
    """A line for each thing that was not given back."""
    lines = [*memory.live("pycuda"), *host.live()]
    lines += [f"TensorRT: {line}" for line in memory.live("tensorrt")]
    lines += [f"gone with its context: {line}" for line in destroyed_with_context]
    lines += [f"a stream, handle {handle:#x}" for handle in streams.live]
    graphs = globals()["driver"].graphs if "driver" in globals() else {}
    lines += [f"{len(graphs)} graphs"] * bool(graphs)
    lines += [f"{len(streams.live_events)} events"] * bool(streams.live_events)
    lines += [f"the primary context, {primary_contexts} times"] * bool(primary_contexts)
    lines += [f"{len(s)} contexts on thread {name}" for name, s in _stacks if s]
    return lines


def _at_exit() -> None:
    """Write the report that the settings ask for; abort where pycuda would."""
    path = setting("report")
    if path:
        Path(path).write_text(json.dumps(state()), encoding="utf-8")
    if any(stack for _, stack in _stacks):
        print("PyCUDA ERROR: The context stack was not empty upon module cleanup.", file=sys.stderr)
        sys.stderr.flush()
        os.abort()


def retire() -> None:
    """Forget what the end of the process would look at: another device takes over."""
    atexit.unregister(_at_exit)
    for _, left in _stacks:
        left.clear()


atexit.register(_at_exit)
