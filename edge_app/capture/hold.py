"""The button that is held: pressed as long as somebody says so."""

from __future__ import annotations

import time
from collections.abc import Callable

LASTS_S = 1.0  # without a word from the page: it was left, or its connection is lost
SHORTEST_S = 0.25  # one picture at least is looked at, however short the press


class HeldButton:
    """On while it is told so again and again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pressed_s = self._until_s = float("-inf")

    def tell(self, on: bool) -> None:
        """Say that it is held now, or that it was let go."""
        now = self._clock()
        if on:
            self._pressed_s = self._pressed_s if self.on else now
            self._until_s = now + LASTS_S
        else:
            self._until_s = min(self._until_s, max(now, self._pressed_s + SHORTEST_S))

    def drop(self) -> None:
        """Let it go at once."""
        self._until_s = float("-inf")

    @property
    def on(self) -> bool:
        """Whether it is held."""
        return self._clock() < self._until_s
