"""Why a picture is not kept."""

from __future__ import annotations

from enum import Enum


class Refusal(str, Enum):
    """The reasons by name; `message` is what the operator reads."""

    EMPTY = "empty"
    HAND = "hand"
    SEVERAL = "several"
    EDGE = "edge"
    BLURRED = "out of focus"
    SAME = "same picture"
    OTHER_CLASS = "other class"
    DISK = "disk"

    @property
    def message(self) -> str:
        """What it is and what to do, in one short line; `OTHER_CLASS` has a {} for that class."""
        return _MESSAGES[self]


_MESSAGES = {
    Refusal.EMPTY: "nothing lies on the tray: lay a stone on it",
    Refusal.HAND: "take the hand away",
    Refusal.SEVERAL: "more than one thing lies here: leave one stone",
    Refusal.EDGE: "too near the edge: move it to the middle",
    Refusal.BLURRED: "out of focus: set the lens, or its distance, or hold still",
    Refusal.SAME: "nearly the same picture is kept already: turn the stone or move it",
    Refusal.OTHER_CLASS: "nearly the same picture is kept as “{}”: is the class right?",
    Refusal.DISK: "the disk does not keep up: wait a moment",
}
