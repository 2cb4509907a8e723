"""One stone after another: empty, settling, verdict, lifted. Knows nothing of pictures."""

from __future__ import annotations

from enum import Enum

from deploy.locate import Stone
from edge_app.scanner.likeness import Likeness
from edge_app.scanner.look import TrayLook, TrayState

HOLD_S = 0.3  # a stone that settles may be out of sight for so long
BARE_S = 0.2  # its place must be bare for so long before it counts as lifted
GAP_S = 0.25  # looks so far apart do not show what happened between them
SHOWN_S = 1.5  # how long it counts as just lifted
_SINGLE = (TrayState.ONE_STONE, TrayState.OUT_OF_FOCUS, TrayState.MOVING)


class Phase(str, Enum):
    """Where the stone on the tray is in its stay."""

    EMPTY = "empty"
    SETTLING = "settling"
    VERDICT = "verdict"
    LIFTED = "lifted"


class Event(Enum):
    """What a look changed.

    ARRIVED: a stone has come to rest. What was known of another one is void.
    DROPPED: it is gone before there was a verdict.
    RESUMED: the stone is back at rest after a hand, or something else, was in the way.
    LIFTED: the stone that had a verdict is gone.
    """

    ARRIVED = "arrived"
    DROPPED = "dropped"
    RESUMED = "resumed"
    LIFTED = "lifted"


class Phases:
    """Tells stones apart, from one look at the tray to the next.

    A stone is gone when its place was seen bare. A hand may hide the place all the while: then
    what lies there afterwards is the same stone if it is as large, of the same colour and nearly
    where it was, and else a new one.

    phase: of the stone on the tray, or of the last one.
    interrupted: something came between since it was last seen at rest.
    lifted_s: when the last stone that was lifted was first seen to be gone.
    """

    def __init__(self) -> None:
        self.phase = Phase.EMPTY
        self.interrupted = False
        self._stone: Likeness | None = None
        self._place: Stone | None = None
        self._away_since_s: float | None = None
        self._bare_since_s: float | None = None
        self.lifted_s = self._looked_s = 0.0
        self._gap = False

    def settle(self) -> None:
        """There is a verdict on the stone that settles."""
        if self.phase is not Phase.SETTLING:
            raise RuntimeError(f"a verdict was given in the phase “{self.phase.value}”")
        self.phase = Phase.VERDICT

    def interrupt(self) -> None:
        """No look could be taken for a while: the stone may be another one afterwards."""
        self.interrupted = True
        if self.phase is Phase.SETTLING:
            self.phase = Phase.EMPTY

    def update(self, look: TrayLook, at_s: float) -> list[Event]:
        """Take in what was seen at `at_s`, in seconds on any clock."""
        self._gap, self._looked_s = at_s - self._looked_s > GAP_S, at_s
        if self.phase is Phase.SETTLING:
            return self._settling(look, at_s)
        if self.phase is Phase.VERDICT:
            return self._lying(look, at_s)
        if look.state is TrayState.ONE_STONE:
            return [self._arrive(look)]
        if self.phase is Phase.LIFTED and at_s - self.lifted_s >= SHOWN_S:
            self.phase = Phase.EMPTY
        return []

    def _settling(self, look: TrayLook, at_s: float) -> list[Event]:
        if look.state is TrayState.ONE_STONE:
            if not self._same(look):
                return [self._drop(), self._arrive(look)]
            self._take(look)
            return []
        if self._away_since_s is None:
            self._away_since_s = at_s
        return [self._drop()] if at_s - self._away_since_s >= HOLD_S else []

    def _lying(self, look: TrayLook, at_s: float) -> list[Event]:
        if self._gone(look, at_s):
            return self._lift(look)
        if look.state is TrayState.EMPTY:
            return []
        if look.state not in _SINGLE or not self._followed(look):
            self.interrupted = True
        if look.state is not TrayState.ONE_STONE:
            if not self.interrupted:
                self._place = look.stone
            return []
        if not self._same(look):
            self.lifted_s = at_s
            return self._lift(look)
        resumed, self.interrupted = self.interrupted, False
        self._take(look)
        return [Event.RESUMED] if resumed else []

    def _gone(self, look: TrayLook, at_s: float) -> bool:
        """Whether the stone's place is bare: for a while, or while something lies elsewhere."""
        assert self._place is not None
        if look.state is TrayState.STARTING:
            return False
        bare = not any(overlap(self._place, thing) > 0 for thing in look.things)
        if self._bare_since_s is None:
            if not bare:
                return False
            self._bare_since_s = at_s
        self.lifted_s = self._bare_since_s
        if at_s - self._bare_since_s >= BARE_S or (bare and look.things):
            return True
        if not bare:
            self._bare_since_s = None
        return False

    def _followed(self, look: TrayLook) -> bool:
        """Whether the one thing on the tray is the stone of the look before, moved a little."""
        assert self._place is not None
        assert look.stone is not None
        if self._gap and look.state is TrayState.MOVING:
            return False
        return not self.interrupted and overlap(self._place, look.stone) > 0.25

    def _same(self, look: TrayLook) -> bool:
        assert self._stone is not None
        now = Likeness.of(look)
        unseen = self.interrupted or self._gap
        return now.alike(self._stone) if unseen else now.could_be(self._stone)

    def _arrive(self, look: TrayLook) -> Event:
        self.phase, self.interrupted = Phase.SETTLING, False
        self._take(look)
        return Event.ARRIVED

    def _take(self, look: TrayLook) -> None:
        self._stone, self._place = Likeness.of(look), look.stone
        self._away_since_s = self._bare_since_s = None

    def _drop(self) -> Event:
        self.phase = Phase.EMPTY
        return Event.DROPPED

    def _lift(self, look: TrayLook) -> list[Event]:
        self.phase = Phase.LIFTED
        if look.state is TrayState.ONE_STONE:
            return [Event.LIFTED, self._arrive(look)]
        return [Event.LIFTED]


def overlap(first: Stone, second: Stone) -> float:
    """The part of the smaller box that lies in the other one."""
    width = min(first.x + first.width, second.x + second.width) - max(first.x, second.x)
    height = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
    smaller = min(first.width * first.height, second.width * second.height)
    return max(0, width) * max(0, height) / smaller
