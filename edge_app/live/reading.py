"""What the live loop knows about the frame on the screen."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.decision import Verdict
from deploy.preprocess import SquareBox
from deploy.record.stones import Provisional
from edge_app.live.states import CameraState


@dataclass(frozen=True)
class Reading:
    """All that is drawn on one frame.

    verdict: None while there is nothing to name.
    box: the square of the frame that the network saw, in pixels, or None.
    fps: frames per second of the whole loop, of late.
    latency_ms: from the camera to the label of the last classified frame.
    dropped: frames that a live source delivered and nobody took, so far.
    state: of the camera; a verdict is there in `LIVE` alone.
    final: the verdict will be told; until then it may change with every frame.
    prompt: what the operator should do, in one short line; empty where nothing.
    hint: what else is known of a short list: its family, and what tells its names apart.
    trouble: beside the camera: why stones are not recorded.
    note: more on the state, for whoever set the camera up: "next try in 4 s".
    stone: the key of the stone that the verdict is of; empty where stones are not told apart.
    provisional: the taught kind that it is like, where the bundle has no name for it.
    lifted: that stone is not on the tray any more.
    """

    verdict: Verdict | None
    box: SquareBox | None
    fps: float
    latency_ms: float
    dropped: int = 0
    state: CameraState = CameraState.LIVE
    note: str = ""
    final: bool = True
    prompt: str = ""
    hint: str = ""
    trouble: str = ""
    stone: str = ""
    provisional: Provisional | None = None
    lifted: bool = False
