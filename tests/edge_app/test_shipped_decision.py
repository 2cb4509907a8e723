"""The bundle that ships names drawn stones and refers empty trays, in each of its forms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle, load_bundle
from deploy.decision import NAME, Verdict, decide, probabilities
from deploy.engine.forms import float_model
from deploy.familiarity import read_familiarity
from deploy.preprocess import preprocess_picture
from deploy.render.scene import TrayScene
from deploy.render.tray import make_tray
from edge_app.defaults import SHIPPED_BUNDLE

MOST_SHIFT = 1  # of eight stones that pass as familiar, between any two forms of the model
STONE_S, AT_REST_S = 4.0, 1.0  # in the scene of `demo://`


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(SHIPPED_BUNDLE)


def verdicts(bundle: Bundle, backend: OnnxCpuBackend, pictures) -> Iterator[Verdict]:
    manifest, familiarity = bundle.manifest, read_familiarity(bundle)
    assert familiarity is not None
    for picture in pictures:
        square = preprocess_picture(picture, manifest.framing, manifest.input)
        logits, embedding = backend.infer(square[None])
        confidences = probabilities(logits[0], manifest.decision.temperature)
        score = familiarity.score(logits[0], embedding[0])
        yield decide(confidences, bundle.labels, manifest.decision, score)


@pytest.fixture(scope="module")
def drawn(bundle: Bundle) -> list[np.ndarray]:
    """One picture of each stone of `demo://`, at rest."""
    scene = TrayScene(bundle.labels, seed=0, size=(1280, 720))
    return [scene.draw(i * STONE_S + AT_REST_S, i) for i in range(len(bundle.labels))]


def test_the_demo_names_most_stones_and_rightly(bundle: Bundle, drawn):
    with OnnxCpuBackend(bundle, "int8", threads=1) as backend:
        found = list(verdicts(bundle, backend, drawn))

    right = [v.text == label for v, label in zip(found, bundle.labels, strict=True)]
    assert sum(right) >= 11
    assert sum(v.kind == NAME for v in found) - sum(right) <= 2


def test_an_empty_tray_is_referred_whatever_its_colour(bundle: Bundle):
    """Colours that the fit did not see, and the tray of `demo://` itself."""
    tray = make_tray(1280, 720, np.random.default_rng(8))
    tints = [(1, 1, 1), (0.5, 0.6, 0.5), (1.7, 1.7, 1.6), (0.3, 0.3, 0.7), (1.0, 0.6, 0.5)]
    trays = [np.clip(tray * np.array(tint), 0, 255).astype(np.uint8) for tint in tints]

    with OnnxCpuBackend(bundle, "int8", threads=1) as backend:
        assert all(v.unfamiliar for v in verdicts(bundle, backend, trays))


def test_each_form_of_the_model_keeps_as_many_known_stones(bundle: Bundle, drawn):
    """INT8 as x86 runs it, signed as ARM and TensorRT do, and float."""
    signed = bundle.model("int8").read_bytes()
    forms = [("int8", None), ("int8", signed), ("fp32", float_model(bundle))]
    kept = []
    for precision, model in forms:
        with OnnxCpuBackend(bundle, precision, threads=1, model=model) as backend:
            found = list(verdicts(bundle, backend, drawn[::2]))
            kept.append(sum(not v.unfamiliar for v in found))

    assert max(kept) - min(kept) <= MOST_SHIFT
