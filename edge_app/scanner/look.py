"""What one frame says of the tray."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from deploy.locate import Stone


class TrayState(str, Enum):
    """The states by name; `message` is what the operator reads in each."""

    STARTING = "starting"
    EMPTY = "empty"
    MOVING = "moving"
    ONE_STONE = "one stone"
    SEVERAL = "several"
    HAND = "hand"
    EDGE = "edge"
    OUT_OF_FOCUS = "out of focus"

    @property
    def message(self) -> str:
        """What to do, in one short line; empty where there is nothing to do."""
        return _MESSAGES[self]


_MESSAGES = {
    TrayState.STARTING: "getting to know the tray: leave it empty and still",
    TrayState.EMPTY: "lay a stone on the tray",
    TrayState.MOVING: "let the stone lie still",
    TrayState.ONE_STONE: "",
    TrayState.SEVERAL: "more than one thing lies here: leave one stone",
    TrayState.HAND: "take the hand away",
    TrayState.EDGE: "too near the edge: move it to the middle",
    TrayState.OUT_OF_FOCUS: "out of focus: set the lens, or its distance",
}


@dataclass(frozen=True)
class TrayLook:
    """What lies on the tray in one frame.

    stone: the one thing that may be a stone, in pixels of the frame; there in `ONE_STONE`,
        `OUT_OF_FOCUS`, `MOVING` and `EDGE`.
    things: the boxes of all that lies there or reaches in, hands too.
    focus: of the stone, 0 (a blur) to 1 (sharp to the network's last pixel).
    colour: of the stone: mean Y, Cr, Cb.
    """

    state: TrayState
    stone: Stone | None = None
    things: tuple[Stone, ...] = ()
    focus: float = 0.0
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def message(self) -> str:
        """What to do, in one short line."""
        return self.state.message
