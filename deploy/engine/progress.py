"""How far a build is: TensorRT's nested phases as one fraction, and the line that shows it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

log = logging.getLogger(__name__)

SAY_EVERY_S = 0.2
LOG_EVERY_S = 30.0

Show = Callable[[float | None, str], None]


@dataclass
class Phase:
    """One phase under way: `done` of `steps` are over."""

    name: str
    steps: int
    done: int = 0


class PhaseTracker:
    """Hears TensorRT's phases (see `deploy.engine.builder.Report`) and tells the whole fraction."""

    def __init__(self, show: Show, cancel: Event) -> None:
        """Start with nothing done.

        Args:
            show: called with the fraction, 0 to 1, and the phase's name, a few times a second.
            cancel: set when the build should stop.
        """
        self.cancelled = False
        self._show = show
        self._cancel = cancel
        self._phases: list[Phase] = []
        self._said_at = 0.0

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """A phase begins, inside another or by itself."""
        self._phases = [*self._up_to(parent), Phase(phase, max(steps, 1))]
        self._say()

    def step(self, phase: str, step: int) -> bool:
        """Step number `step`, from 0 on, of a phase is over. False cancels the build."""
        for known in self._phases:
            if known.name == phase:
                known.done = min(step + 1, known.steps)
        self._say()
        self.cancelled = self.cancelled or self._cancel.is_set()
        return not self.cancelled

    def finish(self, phase: str) -> None:
        """A phase is over, and all inside it."""
        names = [known.name for known in self._phases]
        if phase in names:
            del self._phases[names.index(phase) :]

    @property
    def fraction(self) -> float:
        """A phase counts for one step of the phase around it."""
        inner = 0.0
        for phase in reversed(self._phases):
            inner = min((phase.done + inner) / phase.steps, 1.0)
        return inner

    def _up_to(self, parent: str | None) -> list[Phase]:
        names = [known.name for known in self._phases]
        return self._phases[: names.index(parent) + 1] if parent in names else []

    def _say(self) -> None:
        now = time.monotonic()
        if self._phases and now - self._said_at >= SAY_EVERY_S:
            self._said_at = now
            self._show(self.fraction, self._phases[-1].name)


@contextmanager
def build_line(title: str) -> Iterator[Show]:
    """Show a build on stderr: a bar and the time left where they are known, else the time spent.

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

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24))
    times = (TimeElapsedColumn(), TextColumn("spent, left"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, *times, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def show(fraction: float | None, phase: str) -> None:
            bar.update(task, description=f"{title}: {phase}"[:60])
            if fraction is not None:
                bar.update(task, total=1.0, completed=fraction)

        yield show


class _Logged:
    def __init__(self, title: str) -> None:
        self._title = title
        self._started = self._said_at = time.monotonic()

    def __call__(self, fraction: float | None, phase: str) -> None:
        now = time.monotonic()
        if now - self._said_at >= LOG_EVERY_S:
            self._said_at = now
            far = "" if fraction is None else f", {fraction:.0%}"
            log.info("%s: %.0f s%s, %s", self._title, now - self._started, far, phase)
