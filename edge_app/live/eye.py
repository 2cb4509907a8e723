"""What is made of live pictures: of each frame by itself, or of one stone after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from deploy.arrays import ByteArray, FloatArray
from deploy.backends.base import Backend
from deploy.bundle import Manifest
from deploy.decision import Verdict
from deploy.familiarity import Familiarity
from deploy.preprocess import SquareBox, frame_box
from deploy.record.stones import Provisional
from edge_app.live.classifier import Classifier
from edge_app.live.timing import StageTimes
from edge_app.scanner.phases import Phase
from edge_app.scanner.scanner import Scanner
from edge_app.scanner.stone import ScannedStone, StoneView


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
        """Take in (H, W, 3) uint8, BGR, taken at `at_s` seconds."""

    def blink(self) -> None:
        """Nothing could be seen for a while: what comes next may be something else."""

    def close(self) -> None:
        """Nothing more will come."""


class FrameEye:
    """Each frame by itself, smoothed: for files, whose frames may be one stone each."""

    def __init__(
        self,
        backend: Backend,
        manifest: Manifest,
        times: StageTimes,
        familiarity: Familiarity | None,
    ) -> None:
        self._classifier = Classifier(backend, manifest, times, familiarity)

    def look(self, image_bgr: ByteArray, at_s: float) -> Seen:
        """The network sees every frame; see `Eye.look`."""
        verdict, box = self._classifier.classify(image_bgr, at_s)
        return Seen(verdict, final=True, box=box, fresh=True)

    def blink(self) -> None:
        """Start the average anew."""
        self._classifier.forget()

    def close(self) -> None:
        """There is nothing to finish."""


class StoneEye:
    """One verdict for each stone that is laid down: for a camera over a tray."""

    def __init__(
        self,
        backend: Backend,
        manifest: Manifest,
        times: StageTimes,
        familiarity: Familiarity | None,
        on_stone: Callable[[ScannedStone], object] | None = None,
        on_view: Callable[[StoneView], None] | None = None,
        taught: Callable[[FloatArray], Provisional | None] | None = None,
    ) -> None:
        """For the arguments see `edge_app.scanner.scanner.Scanner`."""
        self._framing = manifest.framing
        self._scanner = Scanner(
            *(backend, manifest, familiarity),
            times=times,
            on_stone=on_stone,
            on_view=on_view,
            taught=taught,
        )
        self._aim: SquareBox | None = None

    def look(self, image_bgr: ByteArray, at_s: float) -> Seen:
        """The network sees a stone that lies still; see `Eye.look`."""
        scan = self._scanner.scan(image_bgr, at_s)
        if self._framing.method == "centre":
            self._aim = frame_box(image_bgr, self._framing)
        elif scan.box is not None or scan.stone is None:
            self._aim = scan.box
        fresh = scan.box is not None
        said = scan.message, scan.hint, scan.key, scan.provisional, scan.phase is Phase.LIFTED
        return Seen(scan.verdict, scan.final, self._aim, fresh, *said)

    def blink(self) -> None:
        """The stone may have been changed for another one meanwhile."""
        self._scanner.interrupt()

    def close(self) -> None:
        """Report the stone that lies there."""
        self._scanner.close()
