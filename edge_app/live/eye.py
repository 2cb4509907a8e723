"""What is made of live pictures, by whichever eye the loop was given.

`edge_app.live.classifier.Classifier` names each frame by itself, as a file's may be one stone each;
`edge_app.scanner.scanner.Scanner` gives one verdict for each stone that is laid under a camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from deploy.arrays import ByteArray
from deploy.decision import Verdict
from deploy.preprocess import SquareBox
from deploy.record.stones import Provisional


@dataclass(frozen=True)
class Seen:
    """What there is to say of a picture.

    verdict: None while there is nothing to name.
    final: it will be told; until then it may change with every frame.
    box: the square that the network sees, for the operator to aim at.
    fresh: the network has looked at this very picture.
    prompt: what the operator should do, in one short line; empty where nothing.
    hint: what else is known of a short list: its family, and what tells its names apart.
    stone: the key of the stone that the verdict is of; empty where stones are not told apart.
    provisional: the taught kind that it is like, where the bundle has no name for it.
    lifted: that stone is not on the tray any more.
    """

    verdict: Verdict | None
    final: bool
    box: SquareBox | None
    fresh: bool
    prompt: str = ""
    hint: str = ""
    stone: str = ""
    provisional: Provisional | None = None
    lifted: bool = False


class Eye(Protocol):
    """Looks at one live picture after another."""

    def look(self, image_bgr: ByteArray, at_s: float) -> Seen:
        """Take in a picture.

        Args:
            image_bgr: (H, W, 3) uint8, BGR; of one size and camera each time.
            at_s: when it was taken, in seconds on any clock that goes forward.

        Raises:
            FrameError: the image has another shape or type.
            BackendError: the device failed.
        """

    def blink(self) -> None:
        """The camera showed nothing for a while: what comes next may be something else."""

    def close(self) -> None:
        """Nothing more will come."""
