"""What the frames of one stone say together, and whether they have said it long enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deploy.arrays import FloatArray
from deploy.decision import Decision, Verdict, decide
from edge_app.live.classifier import bounded

AGREED_S = 0.25  # the frames must give one verdict for so long …
AGREED_FRAMES = 3  # … and so often
PATIENCE_S = 1.5  # then what is there must do
_VIEW_WEIGHT = 1.5  # a view that is looked at for long weighs no more than two sharp frames
_MOST_VIEWS = 24  # then the two oldest are one from there on
_LEAST_WEIGHT = 0.02  # of a blurred frame


@dataclass
class _View:
    """Weighted sums over the frames in which the stone lay in one way."""

    total: FloatArray
    weight: float = 0.0
    frames: int = 0

    def add(self, values: FloatArray, weight: float) -> None:
        self.total = np.asarray(self.total + np.float32(weight) * values, np.float32)
        self.weight += weight
        self.frames += 1


class Evidence:
    """Averages one stone's frames, and decides.

    Probabilities are averaged, not their logarithms: the bundle's thresholds were chosen for
    them, and no odd frame weighs more than its share. Sharp frames weigh more. A stone that is
    turned shows another view; views are averaged in their turn, so that the one that was looked
    at longest does not outvote the others.

    frames: that were taken in.
    newest: what they say together, agreed on or not; None before the first.
    verdict: what they have agreed on; None until they have.
    """

    def __init__(self, labels: Sequence[str], decision: Decision) -> None:
        self._labels = labels
        self._known = len(labels)
        self._decision = decision
        self._asks = False
        self.clear()

    def clear(self) -> None:
        """Another stone."""
        self.frames = 0
        self.verdict: Verdict | None = None
        self._views: list[_View] = []
        self._turned = True
        self._first_s = self._agreed_since_s = 0.0
        self._agreed_frames = 0
        self.newest: Verdict | None = None

    def turn(self) -> None:
        """The stone shows another side from now on."""
        self._turned = True

    def add(
        self,
        confidences: FloatArray,
        familiarity: float | None,
        embedding: FloatArray,
        *,
        focus: float,
        at_s: float,
    ) -> None:
        """Take in one frame.

        Args:
            confidences: (C,) float32, which sum to 1.
            familiarity: of the frame; None where the decision does not ask for it.
            embedding: (2048,) float32.
            focus: 0 to 1, the frame's weight.
            at_s: when it was taken, in seconds on any clock.
        """
        score = 0.0 if familiarity is None else bounded(familiarity, self._decision)
        values = np.concatenate([confidences, [np.float32(score)], embedding])
        if self._turned:
            self._look_anew(len(values))
        self._views[-1].add(values, max(_LEAST_WEIGHT, focus))
        self._first_s = self._first_s if self.frames else at_s
        self.frames += 1
        self._asks = familiarity is not None
        self._judge(at_s)

    @property
    def wanting(self) -> bool:
        """Whether more frames would tell more: a new view, or no agreement on what is new."""
        young = self._turned or self._views[-1].frames < AGREED_FRAMES
        return young or _said(self.newest) != _said(self.verdict)

    @property
    def confidences(self) -> FloatArray:
        """(C,) float32: the average over the views."""
        return self._average(slice(self._known))

    @property
    def familiarity(self) -> float | None:
        """The average over the views, each frame bounded; None where nobody asks."""
        return float(self._average(slice(self._known, self._known + 1))[0]) if self._asks else None

    @property
    def embedding(self) -> FloatArray:
        """(2048,) float32: the average over the views."""
        return self._average(slice(self._known + 1, None))

    def _look_anew(self, count: int) -> None:
        if len(self._views) == _MOST_VIEWS:
            oldest = self._views.pop(0)
            self._views[0].add(oldest.total / np.float32(oldest.weight), oldest.weight)
        self._views.append(_View(np.zeros(count, np.float32)))
        self._turned = False

    def _average(self, part: slice) -> FloatArray:
        weights = [min(view.weight, _VIEW_WEIGHT) for view in self._views]
        means = [view.total[part] / np.float32(view.weight) for view in self._views]
        return np.asarray(np.average(means, axis=0, weights=weights), np.float32)

    def _judge(self, at_s: float) -> None:
        average = self._average(slice(self._known + 1))
        score = float(average[-1]) if self._asks else None
        now = decide(average[:-1], self._labels, self._decision, score)
        if _said(now) != _said(self.newest):
            self._agreed_since_s, self._agreed_frames = at_s, 0
        self._agreed_frames += 1
        self.newest = now
        lasted = at_s - self._agreed_since_s >= AGREED_S and self._agreed_frames >= AGREED_FRAMES
        if lasted or (self.verdict is None and at_s - self._first_s >= PATIENCE_S):
            self.verdict = now


def _said(verdict: Verdict | None) -> tuple[object, ...] | None:
    """What makes two verdicts different ones; which of a list comes first does not."""
    if verdict is None:
        return None
    return verdict.kind, frozenset(verdict.meant), verdict.unfamiliar
