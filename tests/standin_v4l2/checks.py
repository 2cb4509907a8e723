"""Runs checks, each in a process of its own with a camera as new, and tells how each ended.

    python -m tests.standin_v4l2.checks MODULE

It is a child of the test, in which alone the stand-in is to be seen. OpenCV is loaded once.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable

from tests.standin_v4l2.steer import steer

LONGEST_S = 30
CHECKS: dict[str, Callable[[], None]] = {}


def check(function: Callable[[], None]) -> Callable[[], None]:
    """Have a function run; it fails by raising."""
    CHECKS[function.__name__] = function
    return function


def run_apart(function: Callable[[], None]) -> tuple[bool, str]:
    """Whether it ended well, and all that it printed, also on standard error."""
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            os._exit(_run(function))
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return status == 0, said.read()


def _run(function: Callable[[], None]) -> int:
    signal.alarm(LONGEST_S)
    try:
        steer()
        function()
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    wanted = importlib.import_module(sys.argv[1])
    # The module that the checks were put down in is not this one, which is `__main__`.
    for name, function in importlib.import_module("tests.standin_v4l2.checks").CHECKS.items():
        if function.__module__ == wanted.__name__:
            passed, said = run_apart(function)
            print(json.dumps({"check": name, "passed": passed, "said": said}), flush=True)
