"""What the scanner finds out: each look at a stone, and all that is known when it is lifted."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.arrays import ByteArray, FloatArray
from deploy.decision import Verdict
from deploy.preprocess import SquareBox
from deploy.record.stones import Provisional


@dataclass(frozen=True)
class StoneView:
    """One look of the network at a stone.

    key: of the stone, as its `ScannedStone` will have it.
    embedding: (2048,) float32.
    crop_bgr: what the network saw, uint8, BGR: a part of the camera's frame, to be copied if kept.
    """

    key: str
    embedding: FloatArray
    crop_bgr: ByteArray


@dataclass(frozen=True)
class ScannedStone:
    """One stone's stay on the tray. Times are in seconds on the frames' clock.

    key: what it is known by from its first frame on, 16 hexadecimal digits.
    rested_s: it was first seen to lie still.
    verdict_s: the frames agreed on a verdict.
    lifted_s: its place was seen bare; None where the run ended first.
    verdict: the last one, refined until the stone was lifted.
    familiarity: over all views; None where the bundle does not ask for it.
    embedding: (2048,) float32, over all views.
    frames: how many of it went through the network.
    frame_bgr: (H, W, 3) uint8, BGR: the sharpest of them, whole.
    box: the square of `frame_bgr` that the network saw.
    provisional: the taught kind that it is like; None where nothing taught is, or the bundle has
        a name for it.
    """

    key: str
    rested_s: float
    verdict_s: float
    lifted_s: float | None
    verdict: Verdict
    familiarity: float | None
    embedding: FloatArray
    frames: int
    frame_bgr: ByteArray
    box: SquareBox
    provisional: Provisional | None = None

    @property
    def crop_bgr(self) -> ByteArray:
        """The square's part of the frame, uint8, BGR."""
        return inside(self.frame_bgr, self.box)


def inside(frame_bgr: ByteArray, box: SquareBox) -> ByteArray:
    """The part of a frame that lies in a square; no copy."""
    top, left = max(0, box.y), max(0, box.x)
    return frame_bgr[top : box.y + box.side_px, left : box.x + box.side_px]
