"""The scanner's heart: frames in, one verdict for each stone out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2

from deploy.arrays import ByteArray, FloatArray
from deploy.backends.base import Backend
from deploy.bundle import Manifest
from deploy.decision import LIST, NAME, Verdict, probabilities
from deploy.familiarity import Familiarity
from deploy.gemmology import short_list_hint
from deploy.locate import Stone
from deploy.preprocess import SquareBox, box_around, check_frame, frame_box, preprocess
from deploy.record.stones import Provisional, new_key
from edge_app.live.timing import StageTimes
from edge_app.scanner.evidence import Evidence
from edge_app.scanner.look import TrayLook, TrayState
from edge_app.scanner.phases import Event, Phase, Phases
from edge_app.scanner.stone import ScannedStone, StoneView, inside
from edge_app.scanner.tray import Tray

IDLE_S = 1 / 3  # between two looks of the network at a stone that has its verdict and lies still
TURNED = 8.0  # mean change of a coarse look, of 255: a faceted stone turned by some 15 degrees
SHARPER = 1.05  # a frame must be so much sharper to be kept instead of the one before
_COARSE_PX = 14
_INSIDE = 0.7  # of a stone's box that a central framing must see


@dataclass(frozen=True)
class Scan:
    """What there is to show for one frame.

    phase: of the stone's stay.
    state: of the tray in this frame.
    message: what to do, in one short line; empty where there is nothing to do.
    stone: the box of the one thing that may be a stone, in pixels.
    box: the square that the network saw, in pixels, where it looked at this frame.
    verdict: of the stone on the tray, or of the one just lifted; None before its first frame.
    final: the frames have agreed on it; turning the stone may refine it all the same.
    hint: what else is known of a short list: its family, and what tells its names apart.
    key: of the stone that the verdict is of; empty without one.
    provisional: the taught kind that the stone is like, where the bundle has no name for it.
    """

    phase: Phase
    state: TrayState
    message: str
    stone: Stone | None = None
    box: SquareBox | None = None
    verdict: Verdict | None = None
    final: bool = False
    hint: str = ""
    key: str = ""
    provisional: Provisional | None = None


class Scanner:
    """Sees stones come and go. The network runs only while a single stone lies still."""

    def __init__(
        self,
        backend: Backend,
        manifest: Manifest,
        familiarity: Familiarity | None = None,
        *,
        times: StageTimes | None = None,
        on_stone: Callable[[ScannedStone], object] | None = None,
        on_view: Callable[[StoneView], None] | None = None,
        taught: Callable[[FloatArray], Provisional | None] | None = None,
    ) -> None:
        """Put it together.

        Args:
            manifest: the bundle's labels, input, framing and decision.
            familiarity: the bundle's; None only where its decision does not ask for it.
            times: where to time the stages; its own by default.
            on_stone: called once with each stone that had a verdict, when it is lifted or the
                run ends.
            on_view: called with each look of the network at a stone.
            taught: the taught kind that an embedding, (2048,), is like; asked where the bundle
                has no name.
        """
        self._backend = backend
        self._manifest = manifest
        self._familiarity = familiarity
        self._times = times or StageTimes()
        self._on_stone, self._on_view = on_stone, on_view
        self._taught = taught
        self._tray = Tray()
        self._phases = Phases()
        self._evidence = Evidence(manifest.labels, manifest.decision)
        self._stay = _Stay(0, 0.0)
        self._seen: Any = None
        self._seen_s = 0.0

    def scan(self, image_bgr: ByteArray, at_s: float) -> Scan:
        """Take one frame.

        Args:
            image_bgr: (H, W, 3) uint8, BGR; the same size and camera each time.
            at_s: when it was taken, in seconds on any clock that goes forward.

        Raises:
            FrameError: the image has another shape or type.
            BackendError: the device failed.
        """
        check_frame(image_bgr)
        with self._times.measure("locate"):
            look = self._in_framing(self._tray.look(image_bgr, at_s), image_bgr)
        for event in self._phases.update(look, at_s):
            self._handle(event, at_s)
        box = self._classify(image_bgr, look, at_s) if self._wanted(image_bgr, look, at_s) else None
        if self._phases.phase is Phase.SETTLING and self._evidence.verdict is not None:
            self._phases.settle()
            self._stay.verdict_s, self._stay.first = at_s, self._evidence.verdict
        return self._scan(look, box)

    def interrupt(self) -> None:
        """Say that the camera showed nothing for a while: the stone may be another one now."""
        self._phases.interrupt()

    def close(self) -> None:
        """The run ends: report the stone that lies there, if it has its verdict."""
        if self._phases.phase is Phase.VERDICT:
            self._report(None)
        self._phases = Phases()

    def _handle(self, event: Event, at_s: float) -> None:
        if event is Event.LIFTED:
            self._report(self._phases.lifted_s)
        elif event is Event.ARRIVED:
            self._evidence.clear()
            self._stay = _Stay(self._stay.number, at_s)
        elif event is Event.RESUMED:
            self._evidence.turn()

    def _wanted(self, image_bgr: ByteArray, look: TrayLook, at_s: float) -> bool:
        """Whether the network should look; a stone that was turned shows something new."""
        if look.state is not TrayState.ONE_STONE or look.stone is None:
            return False
        seen = _coarse(image_bgr, look.stone)
        if self._phases.phase is Phase.VERDICT:
            if float(cv2.absdiff(seen, self._seen).mean()) > TURNED:
                self._evidence.turn()
            elif not self._evidence.wanting and at_s - self._seen_s < IDLE_S:
                return False
        self._seen, self._seen_s = seen, at_s
        return True

    def _classify(self, image_bgr: ByteArray, look: TrayLook, at_s: float) -> SquareBox:
        assert look.stone is not None
        manifest, times = self._manifest, self._times
        with times.measure("preprocess"):
            box = _square(image_bgr, look.stone, manifest)
            square = preprocess(image_bgr, box, manifest.input)
        with times.measure("infer"):
            logits, embedding = self._backend.infer(square[None])
        with times.measure("decide"):
            score = None
            if self._familiarity is not None:
                score = self._familiarity.score(logits[0], embedding[0])
            seen = probabilities(logits[0], manifest.decision.temperature)
            self._evidence.add(seen, score, embedding[0], focus=look.focus, at_s=at_s)
        self._stay.keep_sharpest(image_bgr, box, look.focus)
        self._stay.provisional = self._match()
        if self._on_view is not None:
            self._on_view(StoneView(self._stay.key, embedding[0], inside(image_bgr, box)))
        return box

    def _match(self) -> Provisional | None:
        """What was taught stands only where the bundle has no name."""
        verdict = self._evidence.verdict
        if self._taught is None or verdict is None or verdict.kind == NAME:
            return None
        return self._taught(self._evidence.embedding)

    def _in_framing(self, look: TrayLook, image_bgr: ByteArray) -> TrayLook:
        """A bundle that sees the central square does not see a stone beside it."""
        framing = self._manifest.framing
        if look.state is not TrayState.ONE_STONE or framing.method != "centre":
            return look
        assert look.stone is not None
        if _inside(look.stone, frame_box(image_bgr, framing)) >= _INSIDE:
            return look
        return replace(look, state=TrayState.EDGE)

    def _scan(self, look: TrayLook, box: SquareBox | None) -> Scan:
        phase = self._phases.phase
        scan = Scan(phase, look.state, look.message, look.stone, box)
        if phase is Phase.EMPTY:
            return scan
        verdict = self._evidence.verdict or self._evidence.newest
        if verdict is None:
            return scan
        final, stay = phase is not Phase.SETTLING, self._stay
        scan = replace(
            scan, verdict=verdict, final=final, key=stay.key, provisional=stay.provisional
        )
        if verdict.kind != LIST or not final or stay.provisional:
            return scan
        labels = [candidate.label for candidate in verdict.candidates[: verdict.listed]]
        return replace(scan, hint=short_list_hint(labels))

    def _report(self, lifted_s: float | None) -> None:
        stay, evidence = self._stay, self._evidence
        stay.number += 1
        assert stay.first is not None
        assert evidence.verdict is not None
        assert stay.frame_bgr is not None
        assert stay.box is not None
        if self._on_stone is None:
            return
        self._on_stone(
            ScannedStone(
                key=stay.key,
                number=stay.number,
                rested_s=stay.rested_s,
                verdict_s=stay.verdict_s,
                lifted_s=lifted_s,
                first=stay.first,
                verdict=evidence.verdict,
                confidences=evidence.confidences,
                familiarity=evidence.familiarity,
                embedding=evidence.embedding,
                frames=evidence.frames,
                frame_bgr=stay.frame_bgr,
                box=stay.box,
                focus=stay.focus,
                provisional=stay.provisional,
            )
        )


@dataclass
class _Stay:
    """What is kept of the stone on the tray.

    number: of stones that were reported.
    """

    number: int
    rested_s: float
    verdict_s: float = 0.0
    first: Verdict | None = None
    frame_bgr: ByteArray | None = None
    box: SquareBox | None = None
    focus: float = -1.0
    provisional: Provisional | None = None
    key: str = field(default_factory=new_key)

    def keep_sharpest(self, image_bgr: ByteArray, box: SquareBox, focus: float) -> None:
        if focus > SHARPER * self.focus:
            self.frame_bgr, self.box, self.focus = image_bgr.copy(), box, focus


def _square(image_bgr: ByteArray, stone: Stone, manifest: Manifest) -> SquareBox:
    if manifest.framing.method == "centre":
        return frame_box(image_bgr, manifest.framing)
    return box_around(stone, manifest.framing.margin, *image_bgr.shape[:2])


def _inside(stone: Stone, square: SquareBox) -> float:
    """The part of a stone's box that lies in the square."""
    right, bottom = square.x + square.side_px, square.y + square.side_px
    width = min(stone.x + stone.width, right) - max(stone.x, square.x)
    height = min(stone.y + stone.height, bottom) - max(stone.y, square.y)
    return max(0, width) * max(0, height) / (stone.width * stone.height)


def _coarse(image_bgr: ByteArray, stone: Stone) -> Any:
    """(14, 14, 3) uint8: the stone at a glance."""
    part = image_bgr[stone.y : stone.y + stone.height, stone.x : stone.x + stone.width]
    twice = 4 * _COARSE_PX, 4 * _COARSE_PX
    sampled = cv2.resize(part, twice, interpolation=cv2.INTER_NEAREST)
    return cv2.resize(sampled, (_COARSE_PX, _COARSE_PX), interpolation=cv2.INTER_AREA)
