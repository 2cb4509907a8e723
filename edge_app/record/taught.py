"""Kinds that an operator taught with a few views: the nearest mean of embeddings, no training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deploy.arrays import FloatArray
from deploy.bundle import EMBEDDING_SIZE
from deploy.familiarity import features
from deploy.record.stones import Provisional, TaughtView

# From this cosine on a stone is called after a taught kind. Measured with `tests.bench.taught`;
# docs/record.md has the table, and what was given up for what.
SAME_KIND = 0.96


@dataclass(frozen=True)
class TaughtKinds:
    """What was taught with one bundle. Every name from it is provisional, and must be shown so.

    labels: one for each kind.
    views: how many each was taught with.
    means: (K, 2048) float32, each of length 1: the mean of a kind's `features`.
    """

    labels: tuple[str, ...]
    views: tuple[int, ...]
    means: FloatArray

    def match(self, embedding: FloatArray) -> Provisional | None:
        """The taught kind that a stone is most like, if it is like enough.

        Args:
            embedding: (2048,) float32, as the network of the same bundle gives it.
        """
        if not self.labels:
            return None
        cosines = self.means @ features(embedding)
        nearest = int(np.argmax(cosines))
        if not cosines[nearest] >= SAME_KIND:  # nor where it is no number
            return None
        return Provisional(self.labels[nearest], float(cosines[nearest]))


def taught_kinds(views: Sequence[TaughtView]) -> TaughtKinds:
    """The kinds of some views, in the order of their first one.

    Args:
        views: all of one network, as `RecordReader.taught` gives them for its digest.
    """
    by_label: dict[str, list[FloatArray]] = {}
    for view in views:
        by_label.setdefault(view.label, []).append(features(view.embedding))
    means = [np.mean(rows, axis=0) for rows in by_label.values()]
    return TaughtKinds(
        tuple(by_label),
        tuple(map(len, by_label.values())),
        np.array([_directed(mean) for mean in means], np.float32).reshape(-1, EMBEDDING_SIZE),
    )


def _directed(mean: FloatArray) -> FloatArray:
    """With a length of 1; one of zeros stays so, and is like nothing."""
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)
