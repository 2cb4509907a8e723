"""Fitting familiarity: a linear function for each known kind and for each kind of the others.

Linear discriminant analysis (Fisher 1936) with the covariance shrunk towards a sphere (Friedman
1989, "Regularized Discriminant Analysis"), written out here since scikit-learn's takes priors of
its own and gives no plain functions for each class with shrinkage.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.familiarity import Familiarity, features

Doubles = npt.NDArray[np.float64]

SHRINKAGE = 0.3  # 0.1 to 0.6 measured within 0.01 of each other in AUROC


def fit_familiarity(
    embedding: FloatArray,
    kinds: Sequence[str],
    labels: Sequence[str],
    *,
    shrinkage: float = SHRINKAGE,
) -> Familiarity:
    """Fit on pictures of known kinds and of others.

    Args:
        embedding: (N, 2048) float32.
        kinds: for each picture its kind; what is no label is one of the others.
        labels: the known kinds, each with pictures; there must be at least one other.

    Raises:
        ValueError: a label has no pictures, or there are no others.
    """
    others = sorted(set(kinds) - set(labels))
    if not others or set(labels) - set(kinds):
        raise ValueError("familiarity is fitted on pictures of every label and of some other kind")
    order = {kind: number for number, kind in enumerate([*labels, *others])}
    numbers = np.array([order[kind] for kind in kinds])
    points = features(embedding).astype(np.float64)
    centres = np.stack([points[numbers == i].mean(axis=0) for i in range(len(order))])
    slopes = _solved(points - centres[numbers], centres.T, len(order), shrinkage)
    offsets = -0.5 * (centres.T * slopes).sum(axis=0)
    return Familiarity(np.vstack([slopes, offsets]).astype(np.float32), len(labels))


def _solved(away: Doubles, centres: Doubles, groups: int, shrinkage: float) -> Doubles:
    """The inverse of the shrunk covariance within the groups, times (2048, K) centres.

    With fewer rows than columns by Woodbury's identity, whose system is as small as the rows.
    """
    rows, columns = away.shape
    weight = (1 - shrinkage) / max(1, rows - groups)
    level = weight / (1 - shrinkage) * float(np.square(away).sum()) / columns
    sphere = max(shrinkage * level, 1e-12)
    if rows >= columns:
        spread = weight * (away.T @ away) + sphere * np.eye(columns)
        return np.asarray(np.linalg.solve(spread, centres))
    inner = away @ away.T + sphere / weight * np.eye(rows)
    return np.asarray((centres - away.T @ np.linalg.solve(inner, away @ centres)) / sphere)


def scores(familiarity: Familiarity, logits: FloatArray, embedding: FloatArray) -> Doubles:
    """(N,) familiarities, each as a device computes it."""
    rows = zip(logits, embedding, strict=True)
    return np.array([familiarity.score(*row) for row in rows], np.float64)
