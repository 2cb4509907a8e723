"""What the fake device is like: the JSON in the environment variable FAKE_GPU.

It is read at each use, so that a test may change it at any time, and a child process has it too.
"""

from __future__ import annotations

import json
import os
from typing import Any

VARIABLE = "FAKE_GPU"
DEFAULTS: dict[str, Any] = {
    "name": "Fake Orin",
    "compute_capability": "8.7",
    "total_mb": 8192,
    "free_mb": 6144,  # what can be allocated before anything is
    "cuda": "ok",  # "absent": no device; "broken": the driver does not start
    "tensorrt": "ok",  # "broken": Builder and Runtime cannot start though CUDA can
    "kernel_ms": 4.0,  # what one inference adds to the device's own clock
    "lose_after": -1,  # the inference, counted from 0, that ends in an illegal access; -1: none
    "unwilling_after": -1,  # the call of execute_async_v3, from 0, that returns False; -1: none
    "build_s": 0.0,  # how long a build sleeps, over all its steps
    "steps": 8,  # of a build
    "crash": "",  # "kill" (as the kernel does when memory runs out), "abort", "segfault"
    "crash_step": 2,  # when
    "fail": "",  # an error that ends each build
    "refuse_context": False,  # create_execution_context returns None
    "activations_mb": 4,  # the device memory that each execution context takes
    "report": "",  # a file that gets `state()` as JSON when the process ends
}


def settings() -> dict[str, Any]:
    """All settings.

    Raises:
        ValueError: a key that is none, so that a misspelt one cannot go unnoticed.
    """
    given = json.loads(os.environ.get(VARIABLE) or "{}")
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"{VARIABLE} has unknown keys: {unknown}")
    return {**DEFAULTS, **given}


def setting(name: str) -> Any:
    """One setting."""
    return settings()[name]


def configure(**changes: Any) -> None:
    """Change settings here and in child processes started later."""
    given = json.loads(os.environ.get(VARIABLE) or "{}")
    os.environ[VARIABLE] = json.dumps({**given, **changes})
    settings()
