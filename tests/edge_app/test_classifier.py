"""The live loop looks where the bundle says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deploy.bundle import Manifest
from deploy.preprocess import Framing, SquareBox, frame_box, preprocess
from edge_app.classifier import Classifier
from edge_app.timing import StageTimes


class Watching:
    """A backend that keeps what it was given."""

    def __init__(self, fakes) -> None:
        self._inner = fakes.FixedBackend([0.1, 0.9])
        self.batches: list[np.ndarray] = []

    def infer(self, batch):
        self.batches.append(batch)
        return self._inner.infer(batch)


def test_a_bundle_that_frames_the_stone_is_shown_the_stone(manifest: Manifest, fakes):
    tray = np.full((180, 320, 3), 225, np.uint8)
    tray[30:70, 210:260] = (40, 30, 190)
    framing = Framing("stone", margin=0.1)
    backend = Watching(fakes)
    times = StageTimes()

    _, box = Classifier(backend, replace(manifest, framing=framing), times).classify(tray, 0.0)
    _, central = Classifier(backend, manifest, times).classify(tray, 0.0)

    assert box == frame_box(tray, framing)
    assert box.x > 190
    assert box.side_px < 90
    assert np.array_equal(backend.batches[0][0], preprocess(tray, box, manifest.input))
    assert central == SquareBox(70, 0, 180)
