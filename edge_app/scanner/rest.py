"""Whether what lies on the tray lies still: it may turn, but not go anywhere."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

REST_S = 0.12
_MOVED = 0.0075  # of the picture's height
_GREW = 0.05
_GAP_S = 1.0  # frames so far apart tell nothing


class _Place(NamedTuple):
    at_s: float
    x: float
    y: float
    size: float


class Rest:
    """Follows one thing."""

    def __init__(self) -> None:
        self._places: deque[_Place] = deque()

    def forget(self) -> None:
        """Something else is followed from now on."""
        self._places.clear()

    def since(self, at_s: float, x: float, y: float, size: float) -> float | None:
        """Take in where the thing is now.

        Args:
            at_s: in seconds on any clock.
            x, y: its middle, in parts of the picture's height.
            size: a length of it, in the same unit.

        Returns:
            Since when it lies still, or None while it does not.
        """
        now = _Place(at_s, x, y, size)
        if self._places and at_s - self._places[-1].at_s > _GAP_S:
            self._places.clear()
        while self._places and not _near(self._places[0], now):
            self._places.popleft()
        self._places.append(now)
        if len(self._places) > 64:  # lies here long: keep the first, by which it would creep away
            del self._places[1]
        first = self._places[0].at_s
        return first if at_s - first >= REST_S else None


def _near(then: _Place, now: _Place) -> bool:
    close = abs(then.x - now.x) <= _MOVED and abs(then.y - now.y) <= _MOVED
    return close and abs(then.size - now.size) <= _GREW * now.size
