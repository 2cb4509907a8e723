"""Whether a picture is worth keeping: one stone, in focus."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.arrays import ByteArray
from deploy.locate import Stone, find_stone
from edge_app.capture.refusal import Refusal
from edge_app.scanner.focus import blur_px
from edge_app.scanner.look import TrayLook, TrayState
from edge_app.scanner.tray import BLURRED_PX, Tray

_BY_TRAY = {
    TrayState.EMPTY: Refusal.EMPTY,
    TrayState.HAND: Refusal.HAND,
    TrayState.SEVERAL: Refusal.SEVERAL,
    TrayState.EDGE: Refusal.EDGE,
}


@dataclass(frozen=True)
class Judged:
    """What a picture shows.

    refusal: None where it may be kept.
    stone: where it lies, if that is known.
    """

    refusal: Refusal | None
    stone: Stone | None


class Judge:
    """Looks at one live picture after another."""

    def __init__(self, *, tray: bool) -> None:
        """Args: tray: a camera over a tray, which may be seen empty; files have none."""
        self._tray = Tray() if tray else None
        self._known = False  # the tray was seen empty
        self._look = TrayLook(TrayState.STARTING)

    def watch(self, image_bgr: ByteArray, at_s: float) -> None:
        """Follow the tray; every picture belongs here, judged or not.

        Args:
            image_bgr: (H, W, 3) uint8, BGR.
            at_s: when it was taken, in seconds.
        """
        if self._tray is None:
            return
        self._look = self._tray.look(image_bgr, at_s)
        if self._look.state is TrayState.STARTING:
            self._known = False
        elif self._look.state is TrayState.EMPTY:
            self._known = True

    def judge(self, image_bgr: ByteArray) -> Judged:
        """Judge the picture that was watched last.

        What lies on the tray is asked only of a tray that was seen empty: else a stone that fills
        the picture, or one on a cloth, could not be recorded.
        """
        stone = self._look.stone
        if self._known and (refusal := _BY_TRAY.get(self._look.state)):
            return Judged(refusal, stone)
        stone = stone or find_stone(image_bgr)
        blurred = blur_px(image_bgr, stone or _middle(image_bgr)) > BLURRED_PX
        return Judged(Refusal.BLURRED if blurred else None, stone)


def _middle(image_bgr: ByteArray) -> Stone:
    """The central square, where no stone is found: it may fill the picture."""
    height, width = image_bgr.shape[:2]
    side = min(height, width)
    return Stone((width - side) // 2, (height - side) // 2, side, side, side / max(height, width))
