"""Ctrl-C, or a service manager's SIGTERM, ends the loop between two frames."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM interrupt the block at once.

    For work inside `stop_on_signals` that looks at no event and can take minutes, as building an
    engine does.

    Raises:
        KeyboardInterrupt: one of them came.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled_by(interrupt):
        yield


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    old = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, before in old.items():
            signal.signal(number, before)


@contextmanager
def stop_on_signals() -> Iterator[Event]:
    """Give an event that the first SIGINT or SIGTERM sets; a second one interrupts at once.

    Works in the main thread alone, as Python delivers signals nowhere else.
    """
    stop = Event()

    def ask_to_stop(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    with _handled_by(ask_to_stop):
        yield stop
