"""What is unlike every known kind is referred, however sure the model is of a name."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.backends import open_backend
from deploy.bundle import EMBEDDING_SIZE, FAMILIARITY, Bundle, edit_bundle, load_bundle
from deploy.decision import Decision, decide
from deploy.errors import BundleError
from deploy.evaluation.compare import compare_pictures
from deploy.evaluation.evaluate import evaluate
from deploy.evaluation.evaluate_command import report
from deploy.evaluation.reference import open_reference
from deploy.evaluation.scores import auroc
from deploy.familiarity import Familiarity, features, read_familiarity, write_familiarity
from deploy.folders import find_labelled


def with_familiarity(bundle: Bundle, planes: np.ndarray, least: float | None = 0.0) -> Bundle:
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        write_familiarity(draft.root, Familiarity(planes, len(bundle.labels)))
        decision = replace(bundle.manifest.decision, familiar_at_least=least)
        draft.manifest = replace(bundle.manifest, decision=decision)
    return load_bundle(bundle.root)


def flat(*offsets: float) -> np.ndarray:
    """Functions that give the same for every embedding."""
    return np.vstack([np.zeros((EMBEDDING_SIZE, len(offsets))), offsets]).astype(np.float32)


def test_the_score_is_the_named_kinds_function_less_the_others_together():
    rng = np.random.default_rng(0)
    planes = rng.normal(0, 1, (EMBEDDING_SIZE + 1, 5)).astype(np.float32)
    embedding = rng.uniform(0, 3, EMBEDDING_SIZE).astype(np.float32)
    logits = np.array([0.0, 4.0, 1.0], np.float32)

    found = Familiarity(planes, known=3).score(logits, embedding)

    point = np.sqrt(embedding.astype(float))
    values = point / np.linalg.norm(point) @ planes[:-1] + planes[-1]
    assert found == pytest.approx(values[1] - np.log(np.exp(values[3:]).sum()), rel=1e-4)


def test_brighter_light_changes_no_feature_and_a_dead_embedding_gives_numbers():
    embedding = np.random.default_rng(1).uniform(0, 2, EMBEDDING_SIZE).astype(np.float32)

    assert np.allclose(features(embedding), features(embedding * 3), atol=1e-6)
    assert np.isfinite(features(np.zeros(EMBEDDING_SIZE, np.float32))).all()


def test_an_unfamiliar_stone_is_referred_however_sure_the_model_is():
    sure = np.array([0.99, 0.01], np.float32)
    decision = Decision(name_at_least=0.5, familiar_at_least=2.0, list_length=2)

    stranger = decide(sure, ("Ruby", "Jade"), decision, 1.9)

    assert (stranger.kind, stranger.unfamiliar, stranger.text) == ("refer", True, "refer")
    assert decide(sure, ("Ruby", "Jade"), decision, 2.0).text == "Ruby"


def test_a_decision_that_asks_for_familiarity_is_never_taken_without_it():
    with pytest.raises(ValueError, match="familiarity"):
        decide(np.array([0.9, 0.1]), ("Ruby", "Jade"), Decision(familiar_at_least=0.0))


def test_the_file_travels_and_counts_in_the_digest(tiny_bundle: Bundle):
    one = with_familiarity(tiny_bundle, flat(3, 2, 1, 0))
    found, before = read_familiarity(one), one.digest
    other = with_familiarity(one, flat(3, 2, 1, 1))

    assert found is not None
    assert np.array_equal(found.planes, flat(3, 2, 1, 0))
    assert other.digest != before != tiny_bundle.digest


def test_a_bundle_that_does_not_ask_needs_no_file(tiny_bundle: Bundle):
    assert read_familiarity(tiny_bundle) is None


@pytest.mark.parametrize(
    "planes",
    [
        flat(1, 2, 3),  # no others
        flat(1, 2, 3, np.nan),
        np.zeros((EMBEDDING_SIZE, 4), np.float32),
        np.zeros((EMBEDDING_SIZE + 1, 4), np.float64),
        np.zeros(4, np.float32),
    ],
)
def test_a_file_of_another_make_is_refused(tiny_bundle: Bundle, planes: np.ndarray):
    bundle = with_familiarity(tiny_bundle, planes)

    with pytest.raises(BundleError, match="gemscan confidence"):
        read_familiarity(bundle)


def test_a_pickle_in_its_place_is_not_executed(tiny_bundle: Bundle, tmp_path: Path):
    bundle = with_familiarity(tiny_bundle, flat(1, 2, 3, 4))
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        np.save(draft.root / FAMILIARITY, np.array([print], object), allow_pickle=True)

    with pytest.raises(BundleError, match="cannot be read"):
        read_familiarity(load_bundle(bundle.root))


def packed() -> bytes:
    """An .npz, which NumPy reads too."""
    file = io.BytesIO()
    np.savez(file, planes=flat(1, 2, 3, 4))
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        packed(),
        b"PK\x03\x04 cut short",
        b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4', ",
        b"\x93NUMPY\x01\x00\x46\x00"
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2049, 99999999999)}",
        b"",
    ],
)
def test_what_is_no_array_is_refused_in_one_sentence(tiny_bundle: Bundle, data: bytes):
    bundle = with_familiarity(tiny_bundle, flat(1, 2, 3, 4))
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        (draft.root / FAMILIARITY).write_bytes(data)

    with pytest.raises(BundleError, match="cannot be read"):
        read_familiarity(load_bundle(bundle.root))


def test_a_bundle_that_asks_and_has_no_file_is_refused(tiny_bundle: Bundle):
    with edit_bundle(tiny_bundle.root, start_from=tiny_bundle) as draft:
        decision = replace(tiny_bundle.manifest.decision, familiar_at_least=0.0)
        draft.manifest = replace(tiny_bundle.manifest, decision=decision)

    with pytest.raises(BundleError, match=FAMILIARITY):
        read_familiarity(load_bundle(tiny_bundle.root))


def test_a_bundle_of_schema_1_loads_and_decides_as_it_did(tiny_bundle: Bundle):
    path = tiny_bundle.root / "bundle.json"
    said = json.loads(path.read_text())
    said["schema"] = 1
    for new in ("margin_at_least", "familiar_at_least"):
        del said["decision"][new]
    path.write_text(json.dumps(said))

    old = load_bundle(tiny_bundle.root)

    assert old.manifest == tiny_bundle.manifest
    assert read_familiarity(old) is None


def test_a_field_that_schema_2_lacks_is_still_an_error(tiny_bundle: Bundle):
    path = tiny_bundle.root / "bundle.json"
    said = json.loads(path.read_text())
    del said["decision"]["margin_at_least"]
    path.write_text(json.dumps(said))

    with pytest.raises(BundleError, match="margin_at_least"):
        load_bundle(tiny_bundle.root)


def test_evaluate_refers_what_is_unfamiliar_and_says_how_well_it_tells(tiny_bundle, stones):
    (stones / "Opal").mkdir()
    Image.new("RGB", (40, 40), (220, 20, 30)).save(stones / "Opal" / "red.png")
    bundle = with_familiarity(tiny_bundle, flat(-1, 1, 1, 0))  # rubies are strangers to it

    with open_backend(bundle, "onnx-cpu", "fp32") as backend:
        evaluation = evaluate(bundle, backend, find_labelled(stones))

    assert evaluation.decided_unknown.referred == 1
    assert evaluation.decided.referred == pytest.approx(1 / 3)
    assert evaluation.familiar_auroc == pytest.approx((8 + 4 / 2) / 12)
    assert "AUROC 0.833" in report(evaluation)


def test_compare_says_how_many_known_stones_each_model_takes_as_familiar(tiny_bundle, stones):
    bundle = with_familiarity(tiny_bundle, flat(-1, 1, 1, 0))  # rubies are strangers to it

    with open_reference(bundle) as reference, open_backend(bundle, precision="int8") as int8:
        found = compare_pictures(bundle, find_labelled(stones), reference, int8)

    assert found.familiar_reference == found.familiar_candidate == pytest.approx(2 / 3)
    assert "66.67% of the 12 known stones" in found.summary()


def test_auroc_counts_pairs():
    rng = np.random.default_rng(2)
    known, unknown = rng.integers(0, 6, 40) / 2, rng.integers(0, 5, 30) / 2

    pairs = [(k > u) + 0.5 * (k == u) for k in known for u in unknown]

    assert auroc(list(known), list(unknown)) == pytest.approx(np.mean(pairs))
    assert np.isnan(auroc([1.0], []))
