"""Labels that a quick model, which never saw the picture, would have given otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedGroupKFold

from deploy.arrays import FloatArray
from train.data.duplicates import Indices

FOLDS = 5
TREES = 200

# A tree holds as many numbers as it has leaves times the classes: 200 trees of 100,000 pictures
# would fill 20 GB. So few are held at once, and each learns from a part of very many pictures.
TOGETHER = 10
MOST_A_TREE = 20_000


@dataclass(frozen=True)
class Doubt:
    """A picture whose label is in doubt: the class it looks like, and both probabilities."""

    picture: int
    looks_like: str
    other: float
    own: float


@dataclass(frozen=True)
class LabelCheck:
    """What the quick model says.

    accuracy: its own, on pictures that it had not seen.
    doubts: the most doubtful first.
    typical: for each class its pictures that the model is surest of, at most `n` asked for.
    """

    accuracy: float
    doubts: tuple[Doubt, ...]
    typical: dict[str, tuple[int, ...]]


def check_labels(
    features: npt.NDArray[np.float16],
    labels: Sequence[str],
    groups: Indices,
    *,
    typical: int = 2,
    seed: int = 0,
) -> LabelCheck | None:
    """Predict each picture by a model of the others, and compare with its label.

    Near-duplicates stand in one fold, or a copy with the same wrong label would vouch for it.

    Args:
        features: (N, F), from `train.check.features.describe`.
        groups: (N,) numbers of near-duplicates.
        typical: how many typical pictures of each class are wanted.

    Returns:
        None where fewer than two classes have pictures for every fold.

    Source: the rule is that of confident learning (Northcutt, Jiang and Chuang 2021): a picture
        is in doubt when the probability of another class is above that of its own, and at least
        the mean with which that class recognises its own pictures.
    """
    names, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if (counts >= FOLDS).sum() < 2 or len(set(groups.tolist())) < FOLDS:
        return None
    chances = _predict(features, numbers, groups, seed)
    own = chances[np.arange(len(numbers)), numbers]
    usual = np.array([own[numbers == c].mean() for c in range(len(names))])
    doubts = _doubts(chances, numbers, own, usual, names)
    best = {str(name): _surest(own, groups, numbers == c, typical) for c, name in enumerate(names)}
    return LabelCheck(float((chances.argmax(axis=1) == numbers).mean()), doubts, best)


def _predict(
    features: npt.NDArray[np.float16], numbers: Indices, groups: Indices, seed: int
) -> FloatArray:
    chances = np.zeros((len(numbers), int(numbers.max()) + 1), np.float32)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # a class too small for every fold is doubted, rightly
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = list(folds.split(features, numbers, groups))
    for others, these in parts:
        if not len(these) or not len(others):  # long chains of copies may leave a fold empty
            continue
        for batch in range(TREES // TOGETHER):
            model = _trees(len(others), seed + batch).fit(features[others], numbers[others])
            chances[np.ix_(these, model.classes_)] += model.predict_proba(features[these])
    chances /= TREES // TOGETHER
    return chances


def _trees(pictures: int, seed: int) -> ExtraTreesClassifier:
    many = pictures > MOST_A_TREE
    return ExtraTreesClassifier(
        TOGETHER,
        bootstrap=many,
        max_samples=MOST_A_TREE if many else None,
        n_jobs=-1,
        random_state=seed,
    )


def _doubts(
    chances: FloatArray,
    numbers: Indices,
    own: FloatArray,
    usual: FloatArray,
    names: npt.NDArray[np.str_],
) -> tuple[Doubt, ...]:
    sure = np.where((chances >= usual) & (chances > own[:, None]), chances, 0)
    other, margin = sure.argmax(axis=1), sure.max(axis=1) - own
    found = np.flatnonzero(sure.max(axis=1) > 0)
    return tuple(
        Doubt(int(i), str(names[other[i]]), float(sure[i, other[i]]), float(own[i]))
        for i in found[np.argsort(-margin[found], kind="stable")]
    )


def _surest(
    own: FloatArray, groups: Indices, members: npt.NDArray[np.bool_], count: int
) -> tuple[int, ...]:
    """The surest pictures of a class, one of each group of near-duplicates."""
    found = np.flatnonzero(members)
    order = found[np.argsort(-own[found], kind="stable")]
    one_of_each = np.sort(np.unique(groups[order], return_index=True)[1])
    return tuple(order[one_of_each][:count].tolist())
