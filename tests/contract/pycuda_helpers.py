"""What the checks of pycuda have in common. Each runs in a process of its own."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FAKES = ROOT / "tests" / "fakes" / "site"
Check = Callable[[Any], None]
CHECKS: dict[str, Check] = {}
LEFT_OVER = ["device", "host", "registered", "stream", "event", "graph", "graph_exec", "queued"]
LEFT_OVER += ["primary"]


def check(function: Check) -> Check:
    """A check that is given `pycuda.driver`, started."""
    CHECKS[function.__name__] = function
    return function


def check_in_context(function: Check) -> Check:
    """A check that finds a context current on its thread, and must leave nothing behind."""

    @wraps(function)
    def in_context(cuda: Any) -> None:
        with current(cuda):
            function(cuda)  # what its variables held is freed when it returns
        assert left_over() == {}

    return check(in_context)


def count(what: str) -> int:
    """How many of something the driver has; the names are in tests/standin_driver/README.md."""
    driver = ctypes.CDLL("libcuda.so.1")
    driver.standin_count.restype = ctypes.c_long
    found = int(driver.standin_count(what.encode()))
    assert found >= 0, what
    return found


def left_over() -> dict[str, int]:
    return {what: n for what in LEFT_OVER if (n := count(what))}


def assert_nothing_left() -> None:
    """Neither through pycuda nor by the fake TensorRT."""
    import fake_gpu

    gc.collect()
    assert left_over() == {}, left_over()
    assert fake_gpu.left_over() == []


@contextmanager
def raises(kind: type[Exception] | tuple[type[Exception], ...], words: str) -> Iterator[None]:
    try:
        yield
    except Exception as exc:
        if not isinstance(exc, kind) or words not in str(exc):
            raise AssertionError(f"{kind} with {words!r} was expected") from exc
    else:
        raise AssertionError(f"{kind} was not raised")


@contextmanager
def current(cuda: Any) -> Iterator[Any]:
    """A context that is current on this thread, and gone afterwards."""
    context = cuda.Device(0).retain_primary_context()
    context.push()
    try:
        yield context
    finally:
        cuda.Context.pop()
        context.detach()


def in_thread(work: Callable[[], None]) -> None:
    """Run it on another thread; its error is this one's."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()


def killed_by(work: Callable[[], None]) -> int:
    """The signal that ends a copy of this process while it does something; 0 for none."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def run_checks(names: list[str]) -> None:
    """Run some of those that were imported, in this process."""
    import pycuda.driver as cuda

    cuda.init()
    for name in names:
        CHECKS[name](cuda)
        print(f"{name}: passed")


def run_module(words: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a module to its end in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done
