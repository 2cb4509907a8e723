"""The live loop looks where the bundle says, refers what is unfamiliar, steadies both scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deploy.backends.base import Prediction
from deploy.bundle import EMBEDDING_SIZE, Manifest
from deploy.familiarity import Familiarity
from deploy.preprocess import Framing, SquareBox, frame_box, preprocess
from edge_app.live.classifier import Classifier


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

    box = Classifier(backend, replace(manifest, framing=framing)).look(tray, 0.0).box
    central = Classifier(backend, manifest).look(tray, 0.0).box

    assert box == frame_box(tray, framing)
    assert box.x > 190
    assert box.side_px < 90
    assert np.array_equal(backend.batches[0][0], preprocess(tray, box, manifest.input))
    assert central == SquareBox(70, 0, 180)


class Embeds:
    """Sure of the first label; the embedding lights up the given place, the last one for ever."""

    def __init__(self, *places: int) -> None:
        self._places = list(places)

    def infer(self, batch: np.ndarray) -> Prediction:
        place = self._places.pop(0) if len(self._places) > 1 else self._places[0]
        embedding = np.zeros((1, EMBEDDING_SIZE), np.float32)
        embedding[0, place] = 1
        return Prediction(np.array([[9.0, 0.0]], np.float32), embedding)


@pytest.fixture
def classify(manifest, picture):
    """Classifies one picture at the given times; known stones light up place 0, others 1.

    Place 2 is as far from any kind as an empty tray is.
    """
    planes = np.zeros((EMBEDDING_SIZE + 1, 3), np.float32)
    planes[0, 0], planes[1, 2], planes[2, 2] = 10, 10, 300
    decision = replace(manifest.decision, familiar_at_least=0.0)

    def run(places, times):
        classifier = Classifier(
            Embeds(*places),
            replace(manifest, decision=decision),
            Familiarity(planes, 2),
        )
        return [classifier.look(picture, at_s).verdict for at_s in times]

    return run


def test_a_familiar_stone_is_named_and_a_stranger_referred(classify):
    assert classify([0], [0.0])[0].text == "cat"
    assert classify([1], [0.0])[0].unfamiliar


@pytest.mark.parametrize("odd", [1, 2])
def test_one_odd_frame_does_not_refer_a_stone(classify, odd):
    verdicts = classify([0, odd, 0], [0.0, 0.03, 0.06])

    assert [verdict.text for verdict in verdicts] == ["cat", "cat", "cat"]


def test_a_stone_laid_on_the_tray_is_named_as_soon_as_confidences_settle(classify):
    verdicts = classify([2, 0], [i / 30 for i in range(10)])

    assert verdicts[0].unfamiliar
    assert verdicts[-1].text == "cat"


def test_a_stranger_that_stays_is_referred(classify):
    verdicts = classify([0, 1], [i / 30 for i in range(30)])

    assert verdicts[0].text == "cat"
    assert verdicts[-1].unfamiliar
