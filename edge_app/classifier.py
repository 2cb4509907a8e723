"""From a frame to a verdict, each stage timed."""

from __future__ import annotations

from deploy.arrays import ByteArray
from deploy.backends.base import Backend
from deploy.bundle import Manifest
from deploy.decision import Verdict, decide, probabilities
from deploy.preprocess import SquareBox, frame_box, preprocess
from edge_app.smoothing import Smoother
from edge_app.timing import StageTimes


class Classifier:
    """Frames one square, runs the model on it, smooths over time, decides."""

    def __init__(self, backend: Backend, manifest: Manifest, times: StageTimes) -> None:
        self._backend = backend
        self._manifest = manifest
        self._times = times
        self._smoother = Smoother()

    def classify(self, image_bgr: ByteArray, at_s: float) -> tuple[Verdict, SquareBox]:
        """The verdict on one frame, and the square that the network saw.

        Args:
            image_bgr: (H, W, 3) uint8, BGR, any size.
            at_s: when the frame was taken, in seconds; smoothing follows this clock.

        Raises:
            FrameError: the image has another shape or type.
            BackendError: the device failed.
        """
        manifest, times = self._manifest, self._times
        with times.measure("preprocess"):
            box = frame_box(image_bgr, manifest.framing)
            square = preprocess(image_bgr, box, manifest.input)
        with times.measure("infer"):
            logits = self._backend.infer(square[None]).logits[0]
        with times.measure("decide"):
            confidences = probabilities(logits, manifest.decision.temperature)
            steady = self._smoother.update(confidences, square, at_s)
            verdict = decide(steady, manifest.labels, manifest.decision)
        return verdict, box

    def forget(self) -> None:
        """Start anew: what comes next has nothing to do with what was seen."""
        self._smoother.reset()
