"""How long to wait before a lost camera is opened again, and how often it was lost."""

from __future__ import annotations

from collections import deque

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 10.0  # a camera that delivered so long is tried soon when it is lost again
HOUR_S = 3600.0


class Retries:
    """Pauses that double up to half a minute, for ever."""

    def __init__(self) -> None:
        self.losses = 0
        self._lost_at: deque[float] = deque(maxlen=int(HOUR_S))  # bounded, whatever happens
        self._next_s = FIRST_PAUSE_S

    def failed(self, now_s: float, delivered_s: float | None) -> float:
        """The pause before the next try, in seconds.

        Args:
            now_s: of a clock that only goes forward.
            delivered_s: how long frames came this time; None where opening it failed already,
                which is no further loss.
        """
        if delivered_s is not None:
            self.losses += 1
            self._lost_at.append(now_s)
            if delivered_s >= STEADY_AFTER_S:
                self._next_s = FIRST_PAUSE_S
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_PAUSE_S)
        return pause_s

    def last_hour(self, now_s: float) -> int:
        """Losses in the last 60 minutes."""
        return sum(now_s - lost < HOUR_S for lost in tuple(self._lost_at))
