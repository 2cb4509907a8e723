"""Whether a stone at rest is the one that lay there before something came between."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_app.scanner.look import TrayLook

_SAME_COLOUR = 14.0  # levels of Y, Cr and Cb together; a stone that is turned changes as much
_OTHER_COLOUR = 40.0  # no stone changes by so much from one frame to the next
_SAME_SIZE = 1.35  # a box's diagonal against another's: turning and tilting stretch it
_OTHER_SIZE = 1.8
_SAME_PLACE = 0.5  # of the stone's size


@dataclass(frozen=True)
class Likeness:
    """What is remembered of a stone: its middle and size in pixels, and its colour."""

    x: float
    y: float
    size: float
    colour: tuple[float, float, float]

    @classmethod
    def of(cls, look: TrayLook) -> Likeness:
        """Of the one stone that a look shows."""
        assert look.stone is not None
        box = look.stone
        x, y = box.x + box.width / 2, box.y + box.height / 2
        return cls(x, y, math.hypot(box.width, box.height), look.colour)

    def alike(self, before: Likeness) -> bool:
        """Whether it is most likely the same stone, after a hand hid it."""
        moved = math.hypot(self.x - before.x, self.y - before.y)
        near = moved <= _SAME_PLACE * before.size
        return near and self._within(before, _SAME_COLOUR, _SAME_SIZE)

    def could_be(self, before: Likeness) -> bool:
        """Whether it may be the same stone a moment later, with nothing in between."""
        return self._within(before, _OTHER_COLOUR, _OTHER_SIZE)

    def _within(self, before: Likeness, colour: float, size: float) -> bool:
        ratio = max(self.size, before.size) / max(1e-6, min(self.size, before.size))
        return ratio <= size and math.dist(self.colour, before.colour) <= colour
