"""How often a wrong code may be given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

FROM_ONE = 5  # wrong codes from one address ...
FROM_ONE_WITHIN_S = 60.0
FROM_ANYWHERE = 20  # ... and from all of them: a code has a million values
FROM_ANYWHERE_WITHIN_S = 600.0


class Tries:
    """Remembers the last wrong codes. As none is taken beyond the limit, they are few."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wrong: deque[tuple[float, str]] = deque(maxlen=FROM_ANYWHERE)

    def wrong(self, address: str) -> None:
        """A wrong code came from an address."""
        self._wrong.append((self._clock(), address))

    def wait_s(self, address: str) -> float:
        """How many seconds an address has to wait before it may try; 0 when it may now."""
        now = self._clock()
        every = [at for at, _ in self._wrong]
        its = [at for at, who in self._wrong if who == address]
        return max(
            _left_s(its, FROM_ONE, FROM_ONE_WITHIN_S, now),
            _left_s(every, FROM_ANYWHERE, FROM_ANYWHERE_WITHIN_S, now),
        )


def _left_s(times: list[float], most: int, within_s: float, now: float) -> float:
    return max(0.0, times[-most] + within_s - now) if len(times) >= most else 0.0
