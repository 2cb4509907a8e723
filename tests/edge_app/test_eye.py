from __future__ import annotations

import numpy as np
import pytest

from deploy.preprocess import Framing, InputSpec
from deploy.render.scene import TrayScene
from edge_app.live.classifier import Classifier
from edge_app.scanner import Scanner

DOG = [0.1, 0.9]
STEP_S = 1 / 30


@pytest.fixture(scope="module")
def scene():
    return TrayScene(("Ruby", "Emerald"), seed=1, size=(640, 360))


def looks(eye, scene, seconds):
    return [eye.look(scene.draw(i * STEP_S, i), i * STEP_S) for i in range(round(seconds / STEP_S))]


def test_the_eye_of_files_names_every_frame(fakes, manifest, picture):
    eye = Classifier(fakes.FixedBackend(DOG), manifest)

    seen = eye.look(picture, 0.0)

    assert (seen.verdict.text, seen.final, seen.fresh) == ("dog", True, True)


def test_the_eye_of_a_tray_names_a_stone_that_lies_and_reports_it_at_the_end(
    fakes, manifest, scene
):
    stones = []
    backend = fakes.FixedBackend(DOG)
    eye = Scanner(backend, manifest, on_stone=stones.append)

    seen = looks(eye, scene, 1.5)
    eye.close()

    finals = [one.final and one.verdict is not None for one in seen]
    assert not finals[0]
    assert finals[-1]
    assert seen[-1].verdict.text == "dog"
    assert [stone.verdict.text for stone in stones] == ["dog"]
    assert backend.calls < len(seen)  # a stone that lies still is not looked at all the time


def test_the_square_to_aim_at_stays_where_the_bundle_sees_the_middle(fakes, manifest, scene):
    assert manifest.framing == Framing()
    assert manifest.input == InputSpec(32)
    eye = Scanner(fakes.FixedBackend(DOG), manifest)

    boxes = {one.box for one in looks(eye, scene, 0.5)}

    assert len(boxes) == 1
    assert boxes.pop().side_px == 360


def test_an_empty_tray_asks_for_a_stone_and_keeps_the_network_idle(fakes, manifest):
    backend = fakes.FixedBackend(DOG)
    eye = Scanner(backend, manifest)
    noise = np.random.default_rng(0)

    for i in range(60):
        tray = np.clip(noise.normal(200, 2, (360, 640, 3)), 0, 255).astype(np.uint8)
        seen = eye.look(tray, i * STEP_S)

    assert seen.prompt == "lay a stone on the tray"
    assert (seen.verdict, backend.calls) == (None, 0)


def test_a_verdict_is_marked_once_its_stone_is_gone(fakes, manifest, scene):
    eye = Scanner(fakes.FixedBackend(DOG), manifest)

    seen = looks(eye, scene, 4.0)

    gone = [one.lifted for one in seen]
    assert any(gone)
    first = gone.index(True)
    assert not any(gone[: first - 1])
    assert seen[first].verdict is not None
    assert seen[first].stone == seen[first - 1].stone
