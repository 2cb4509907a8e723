"""How far a build is: which of TensorRT's nested phases to show, and the line that shows it.

The phases do not tell how long the others will take: one step of the outermost can be nearly all
of a build. So what is shown, with the time left, is the phase of the most steps that is under way.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

log = logging.getLogger(__name__)

SAY_EVERY_S = 0.2
LOG_EVERY_S = 30.0


@dataclass
class Phase:
    """One phase under way: `done` of `steps` are over."""

    name: str
    steps: int
    done: int = 0


# Takes a phase, or None from time to time as a sign of life.
Show = Callable[[Phase | None], None]


class PhaseTracker:
    """Hears TensorRT's phases (see `deploy.engine.builder.Report`) and shows the longest."""

    def __init__(self, show: Callable[[Phase], None], cancel: Event) -> None:
        """Start with nothing done.

        Args:
            show: called with the phase of the most steps, a few times a second.
            cancel: set when the build should stop.
        """
        self.cancelled = False
        self._show = show
        self._cancel = cancel
        self._phases: list[Phase] = []
        self._said_at = 0.0
        self._lock = RLock()  # TensorRT calls from several threads

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """A phase begins, inside another or by itself."""
        with self._lock:
            self._phases = [*self._up_to(parent), Phase(phase, max(steps, 1))]
            self._say()

    def step(self, phase: str, step: int) -> bool:
        """Step number `step`, from 0 on, of a phase is over. False cancels the build."""
        with self._lock:
            for known in self._phases:
                if known.name == phase:
                    known.done = min(step + 1, known.steps)
            self._say()
            self.cancelled = self.cancelled or self._cancel.is_set()
            return not self.cancelled

    def finish(self, phase: str) -> None:
        """A phase is over, and all inside it."""
        with self._lock:
            names = [known.name for known in self._phases]
            if phase in names:
                del self._phases[names.index(phase) :]

    @property
    def longest(self) -> Phase | None:
        """Of the phases under way the one of the most steps, the innermost where they are equal."""
        return max(reversed(self._phases), key=lambda phase: phase.steps, default=None)

    def _up_to(self, parent: str | None) -> list[Phase]:
        names = [known.name for known in self._phases]
        return self._phases[: names.index(parent) + 1] if parent in names else []

    def _say(self) -> None:
        now = time.monotonic()
        longest = self.longest
        if longest is not None and now - self._said_at >= SAY_EVERY_S:
            self._said_at = now
            self._show(longest)


@contextmanager
def build_line(title: str) -> Iterator[Show]:
    """Show a build on stderr: the time spent, and what is left of the phase where that is known.

    Where nobody watches, a line is logged every half minute.
    """
    if not sys.stderr.isatty():
        yield _Logged(title)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    # Phases name layers, and a bracket in a name must not be taken for markup.
    named = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), named, BarColumn(bar_width=20))
    times = (TextColumn("{task.fields[far]}"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as lines:
        lines.add_task(title, total=None, far="")
        yield _Lines(lines)


class _Lines:
    """The phase below the line of the whole build; each phase has its own time left."""

    def __init__(self, lines: Progress) -> None:
        self._lines = lines
        self._name = ""
        self._task: TaskID | None = None

    def __call__(self, phase: Phase | None) -> None:
        if phase is None:
            return
        if self._task is None or phase.name != self._name:
            if self._task is not None:
                self._lines.remove_task(self._task)
            self._task = self._lines.add_task(f"  {phase.name}"[:40], total=phase.steps, far="")
            self._name = phase.name
        far = f"{phase.done}/{phase.steps}"
        self._lines.update(self._task, completed=phase.done, total=phase.steps, far=far)


class _Logged:
    def __init__(self, title: str) -> None:
        self._title = title
        self._phase: Phase | None = None
        self._started = self._said_at = time.monotonic()

    def __call__(self, phase: Phase | None) -> None:
        self._phase = phase or self._phase
        now = time.monotonic()
        if now - self._said_at >= LOG_EVERY_S:
            self._said_at = now
            known = self._phase
            far = f", {known.name} {known.done} of {known.steps}" if known else ""
            log.info("%s: %.0f s%s", self._title, now - self._started, far)
