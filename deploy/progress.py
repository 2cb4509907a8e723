"""Bars on stderr for who waits at a terminal; elsewhere nothing is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def shown(items: Iterable[T], title: str, *, total: int | None = None) -> Iterable[T]:
    """The same items, with a bar while they are gone through.

    Args:
        total: how many they are, where they have no length.
    """
    if not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, title, total, console=Console(stderr=True), transient=True)


def reading(items: Iterable[T]) -> Iterable[T]:
    """`shown` for pictures that are read."""
    return shown(items, "reading pictures")


@contextmanager
def picture_progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar with a count; call what it gives after each picture."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pictures", total=total)
        yield lambda: bar.advance(task)
