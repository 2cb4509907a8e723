"""Building engines in the test's own process, for tests that build many: a tenth of the time.

What a process of its own adds is tested in deploy/engine/test_process.py.
"""

from __future__ import annotations

import json
from threading import Event
from typing import Any

from calibration.entropy_calibrator import prepare_calibrator
from deploy.engine import child, make, score
from deploy.engine.builder import BuildError
from deploy.errors import GemscanError


class BuildsHere:
    """Takes the place of `build_in_child`.

    built: the job of each build that was begun.
    failing: names of recipes that cannot be built.
    """

    def __init__(self) -> None:
        self.built: list[child.Job] = []
        self.failing: set[str] = set()

    def __call__(self, job: child.Job, lock: int, title: str, *, module: str) -> dict[str, Any]:
        self.built.append(job)
        if job.recipe in self.failing:
            raise BuildError(f"no kernel for {job.recipe}")
        prepare = prepare_calibrator if module == "calibration.engine_child" else None
        try:
            said = child._build(job, lambda _: None, Event(), prepare)
        except GemscanError as exc:
            raise BuildError(str(exc)) from exc
        found: dict[str, Any] = json.loads(json.dumps(said))
        return found

    @property
    def recipes(self) -> list[str]:
        """The recipes that were begun, in order."""
        return [job.recipe for job in self.built]


def build_here(monkeypatch: Any) -> BuildsHere:
    """Build in this process from now on, and time engines with a few runs."""
    here = BuildsHere()
    monkeypatch.setattr(make, "build_in_child", here)
    monkeypatch.setattr(score, "RUNS", 2)
    return here
