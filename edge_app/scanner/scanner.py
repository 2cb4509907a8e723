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
from edge_app.live.eye import Seen
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


class Scanner:
    """Sees stones come and go: an `Eye` for a camera over a tray.

    The network runs only while a single stone lies still.
    """

    def __init__(
        self,
        backend: Backend,
        manifest: Manifest,
        familiarity: Familiarity | None = None,
        times: StageTimes | None = None,
        *,
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
        self._stay = _Stay(0.0)
        self._coarse: Any = None
        self._coarse_s = 0.0
        self._aim: SquareBox | None = None

    def look(self, image_bgr: ByteArray, at_s: float) -> Seen:
        """The network sees a stone that lies still. See `Eye.look`."""
        check_frame(image_bgr)
        with self._times.measure("locate"):
            look = self._in_framing(self._tray.look(image_bgr, at_s), image_bgr)
        for event in self._phases.update(look, at_s):
            self._handle(event, at_s)
        box = self._classify(image_bgr, look, at_s) if self._wanted(image_bgr, look, at_s) else None
        if self._phases.phase is Phase.SETTLING and self._evidence.verdict is not None:
            self._phases.settle()
            self._stay.verdict_s = at_s
        return self._seen(look, box, image_bgr)

    def blink(self) -> None:
        """The stone may have been changed for another one meanwhile."""
        self._phases.interrupt()

    def close(self) -> None:
        """Report the stone that lies there, if it has its verdict."""
        if self._phases.phase is Phase.VERDICT:
            self._report(None)
        self._phases = Phases()

    def _handle(self, event: Event, at_s: float) -> None:
        if event is Event.LIFTED:
            self._report(self._phases.lifted_s)
        elif event is Event.ARRIVED:
            self._evidence.clear()
            self._stay = _Stay(at_s)
        elif event is Event.RESUMED:
            self._evidence.turn()

    def _wanted(self, image_bgr: ByteArray, look: TrayLook, at_s: float) -> bool:
        """Whether the network should look; a stone that was turned shows something new."""
        if look.state is not TrayState.ONE_STONE or look.stone is None:
            return False
        seen = _coarse(image_bgr, look.stone)
        if self._phases.phase is Phase.VERDICT:
            if float(cv2.absdiff(seen, self._coarse).mean()) > TURNED:
                self._evidence.turn()
            elif not self._evidence.wanting and at_s - self._coarse_s < IDLE_S:
                return False
        self._coarse, self._coarse_s = seen, at_s
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

    def _seen(self, look: TrayLook, box: SquareBox | None, image_bgr: ByteArray) -> Seen:
        phase, stay, evidence = self._phases.phase, self._stay, self._evidence
        self._aim_at(look, box, image_bgr)
        verdict = None if phase is Phase.EMPTY else evidence.verdict or evidence.newest
        lifted = phase is Phase.LIFTED
        seen = Seen(verdict, False, self._aim, box is not None, prompt=look.message, lifted=lifted)
        if verdict is None:
            return seen
        return replace(
            seen,
            final=phase is not Phase.SETTLING,
            hint=self._hint(verdict),
            stone=stay.key,
            provisional=stay.provisional,
        )

    def _aim_at(self, look: TrayLook, box: SquareBox | None, image_bgr: ByteArray) -> None:
        """The square to show: the bundle's, or around the stone that it saw last."""
        if self._manifest.framing.method == "centre":
            self._aim = frame_box(image_bgr, self._manifest.framing)
        elif box is not None or look.stone is None:
            self._aim = box

    def _hint(self, verdict: Verdict) -> str:
        if verdict.kind != LIST or self._phases.phase is Phase.SETTLING or self._stay.provisional:
            return ""
        return short_list_hint([c.label for c in verdict.candidates[: verdict.listed]])

    def _report(self, lifted_s: float | None) -> None:
        stay, evidence = self._stay, self._evidence
        assert evidence.verdict is not None
        assert stay.frame_bgr is not None
        assert stay.box is not None
        if self._on_stone is None:
            return
        self._on_stone(
            ScannedStone(
                key=stay.key,
                rested_s=stay.rested_s,
                verdict_s=stay.verdict_s,
                lifted_s=lifted_s,
                verdict=evidence.verdict,
                familiarity=evidence.familiarity,
                embedding=evidence.embedding,
                frames=evidence.frames,
                frame_bgr=stay.frame_bgr,
                box=stay.box,
                provisional=stay.provisional,
            )
        )


@dataclass
class _Stay:
    """What is kept of the stone on the tray."""

    rested_s: float
    verdict_s: float = 0.0
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
