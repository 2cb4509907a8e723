"""The pruned search for near-duplicates finds what comparing all with all finds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from train.data import duplicates
from train.data.duplicates import SAME, group_duplicates, largest_cosines


def signatures(count: int, seed: int) -> np.ndarray:
    """Like those of photographs: a few directions hold most; some are altered copies of others."""
    rng = np.random.default_rng(seed)
    spread = np.geomspace(1, 0.01, 768)[rng.permutation(768)]
    rows = rng.normal(size=(count, 768)) * spread
    copies = rng.integers(count // 2, size=count // 3)
    rows[-len(copies) :] = rows[copies] * (1 + 0.12 * rng.normal(size=(len(copies), 768)))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


@pytest.mark.parametrize("tile", [16, 512])
@pytest.mark.parametrize("same", [0.9, SAME, 0.99])
def test_the_groups_are_those_of_all_pairs(monkeypatch, tile, same):
    monkeypatch.setattr(duplicates, "TILE", tile)
    rows = signatures(900, seed=tile)

    expected = connected_components(rows @ rows.T > same, directed=False)[1]
    groups = group_duplicates(rows, same)

    assert same_partition(groups, expected)
    assert 1 < len(set(groups.tolist())) < len(rows)


def test_links_beyond_what_is_held_at_once_are_not_lost(monkeypatch):
    """A burst of alike pictures has more pairs than memory should hold."""
    monkeypatch.setattr(duplicates, "MOST_LINKS", 50)
    monkeypatch.setattr(duplicates, "TILE", 16)
    rows = np.concatenate([np.repeat(signatures(6, seed=1)[:1], 200, axis=0), signatures(60, 2)])

    groups = group_duplicates(rows)

    assert len(set(groups[:200].tolist())) == 1
    assert same_partition(groups, connected_components(rows @ rows.T > SAME, directed=False)[1])


@pytest.mark.parametrize("count", [1, 2])
def test_a_few_pictures_need_no_special_case(count):
    assert len(group_duplicates(signatures(8, seed=0)[:count])) == count


def test_pictures_of_one_colour_are_not_taken_for_one_another():
    """They have no signature; their cosine is nought."""
    assert len(set(group_duplicates(np.zeros((5, 768), np.float32)).tolist())) == 5


def test_the_largest_cosine_across_two_sets_is_found_in_any_block(monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK", 7)
    rows, others = signatures(30, seed=3), signatures(20, seed=4)

    assert np.allclose(largest_cosines(rows, others), (rows @ others.T).max(axis=1))
