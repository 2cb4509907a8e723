"""What is known of one stone when it is lifted: the scanner's result."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.arrays import ByteArray, FloatArray
from deploy.decision import Verdict
from deploy.preprocess import SquareBox


@dataclass(frozen=True)
class ScannedStone:
    """One stone's stay on the tray. Times are in seconds on the frames' clock.

    number: 1 for the run's first stone.
    rested_s: it was first seen to lie still.
    verdict_s: the frames agreed on a verdict.
    lifted_s: its place was seen bare; None where the run ended first.
    first: the verdict at `verdict_s`.
    verdict: the last one, refined until the stone was lifted.
    confidences: (C,) float32 in label order, over all views.
    familiarity: over all views; None where the bundle does not ask for it.
    embedding: (2048,) float32, over all views.
    frames: how many of it went through the network.
    frame_bgr: (H, W, 3) uint8, BGR: the sharpest of them, whole.
    box: the square of `frame_bgr` that the network saw.
    focus: of that frame, 0 to 1.
    """

    number: int
    rested_s: float
    verdict_s: float
    lifted_s: float | None
    first: Verdict
    verdict: Verdict
    confidences: FloatArray
    familiarity: float | None
    embedding: FloatArray
    frames: int
    frame_bgr: ByteArray
    box: SquareBox
    focus: float

    @property
    def crop_bgr(self) -> ByteArray:
        """The square's part of the frame, uint8, BGR."""
        top, left = max(0, self.box.y), max(0, self.box.x)
        bottom, right = self.box.y + self.box.side_px, self.box.x + self.box.side_px
        return self.frame_bgr[top:bottom, left:right]
