"""Names from taught stones: the nearest mean, or none."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.record.reader import RecordReader
from deploy.record.stones import TaughtView
from edge_app.record.store import Store
from edge_app.record.taught import SAME_KIND, taught_kinds


def near(base: np.ndarray, amount: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).random(2048, np.float32)
    return base + np.float32(amount) * noise


@pytest.fixture
def bases() -> list[np.ndarray]:
    """Three embeddings that have little in common."""
    random = np.random.default_rng(0)
    return [np.asarray(random.random(2048) ** 8, np.float32) for _ in range(3)]


def views_of(bases: list[np.ndarray]) -> list[TaughtView]:
    return [
        TaughtView("", label, "", near(base, 0.02, seed))
        for seed in range(3)
        for label, base in zip(("Kunzite", "Kyanite"), bases, strict=False)
    ]


def test_a_stone_is_called_after_the_kind_that_it_is_most_like(bases):
    kinds = taught_kinds(views_of(bases))
    assert kinds.labels == ("Kunzite", "Kyanite")
    assert kinds.views == (3, 3)
    for label, base in zip(kinds.labels, bases, strict=False):
        match = kinds.match(near(base, 0.02, 99))
        assert match is not None
        assert match.label == label
        assert SAME_KIND <= match.similarity <= 1.0001


def test_a_stone_that_is_like_none_gets_no_name(bases):
    assert taught_kinds(views_of(bases)).match(bases[2]) is None


def test_light_that_is_twice_as_strong_changes_nothing(bases):
    kinds = taught_kinds(views_of(bases))
    once, twice = kinds.match(bases[0]), kinds.match(bases[0] * 2)
    assert once is not None
    assert twice is not None
    assert once.similarity == pytest.approx(twice.similarity, abs=1e-5)


def test_nothing_taught_matches_nothing(bases):
    assert taught_kinds([]).match(bases[0]) is None


def test_what_is_kept_in_a_record_matches_as_well(tmp_path, bases, pictures):
    with Store(tmp_path) as store:
        store.teach("Kunzite", [bases[0], bases[0] * 1.1], [pictures.crop_bgr] * 2, "d" * 64)
    with RecordReader(tmp_path) as reader:
        match = taught_kinds(reader.taught("d" * 64)).match(bases[0])
        assert taught_kinds(reader.taught("e" * 64)).match(bases[0]) is None
    assert match is not None
    assert match.similarity > 0.999


def test_an_embedding_without_a_direction_is_like_nothing(bases):
    """As a network gives it that is broken, or sees black; no page can read a NaN."""
    nothing, broken = np.zeros(2048, np.float32), np.full(2048, np.nan, np.float32)
    taught = taught_kinds([TaughtView("", "Jet", "", nothing), *views_of(bases)])

    assert taught.match(nothing) is None
    assert taught.match(broken) is None
    match = taught.match(bases[0])
    assert match is not None
    assert match.label == "Kunzite"
