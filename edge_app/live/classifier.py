"""From a frame to a verdict, each stage timed."""

from __future__ import annotations

import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.backends.base import Backend
from deploy.bundle import Manifest
from deploy.decision import Decision, Verdict, decide, probabilities
from deploy.familiarity import Familiarity
from deploy.preprocess import frame_box, preprocess
from edge_app.live.eye import Seen
from edge_app.live.smoothing import Smoother
from edge_app.live.timing import StageTimes

# An empty tray or a hand scores hundreds below the threshold, a stone dozens above it, or more.
TELLING = 10.0  # so far from the threshold a frame has said all that it can


class Classifier:
    """Frames one square, runs the model on it, smooths over time, decides: an `Eye` for files.

    Args:
        familiarity: the bundle's; None only where its decision does not ask for it.
        times: where to time the stages; its own by default.
    """

    def __init__(
        self,
        backend: Backend,
        manifest: Manifest,
        familiarity: Familiarity | None = None,
        times: StageTimes | None = None,
    ) -> None:
        self._backend = backend
        self._familiarity = familiarity
        self._manifest = manifest
        self._times = times or StageTimes()
        self._smoother = Smoother()

    def look(self, image_bgr: ByteArray, at_s: float) -> Seen:
        """The network sees every frame; smoothing follows the clock of `at_s`. See `Eye.look`."""
        manifest, times = self._manifest, self._times
        with times.measure("preprocess"):
            box = frame_box(image_bgr, manifest.framing)
            square = preprocess(image_bgr, box, manifest.input)
        with times.measure("infer"):
            logits, embedding = self._backend.infer(square[None])
        with times.measure("decide"):
            verdict = self._decide(logits[0], embedding[0], square, at_s)
        return Seen(verdict, final=True, box=box, fresh=True)

    def _decide(
        self, logits: FloatArray, embedding: FloatArray, square: ByteArray, at_s: float
    ) -> Verdict:
        """The verdict on confidences and familiarity, both steadied over time."""
        manifest = self._manifest
        seen = probabilities(logits, manifest.decision.temperature)
        if self._familiarity is None:
            steady = self._smoother.update(seen, square, at_s)
            return decide(steady, manifest.labels, manifest.decision)
        score = bounded(self._familiarity.score(logits, embedding), manifest.decision)
        steady = self._smoother.update(np.append(seen, np.float32(score)), square, at_s)
        return decide(steady[:-1], manifest.labels, manifest.decision, float(steady[-1]))

    def blink(self) -> None:
        """Start the average anew."""
        self._smoother.reset()

    def close(self) -> None:
        """There is nothing to finish."""


def bounded(score: float, decision: Decision) -> float:
    """A familiarity as it is averaged: no frame is so far off that it outweighs those after it."""
    least = decision.familiar_at_least
    return score if least is None else min(max(score, least - TELLING), least + TELLING)
