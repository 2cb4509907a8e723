"""Known pictures that taught nothing, as a model judged them: what thresholds are chosen on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.decision import Decision
from deploy.familiarity import Familiarity
from train.confidence.collect import Seen
from train.confidence.discriminant import scores
from train.confidence.thresholds import choose_decision

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """One row for each picture and each view of one. The model may differ from row to row.

    logits: (N, C) float32.
    familiarity: (N,).
    targets: (N,) class numbers.
    picture: (N,) which picture a row is a view of.
    plain: (N,) whether it is the picture itself.
    """

    logits: FloatArray
    familiarity: Doubles
    targets: npt.NDArray[np.int64]
    picture: npt.NDArray[np.int64]
    plain: npt.NDArray[np.bool_]

    @property
    def pictures(self) -> int:
        """How many pictures the rows are views of."""
        return len(np.unique(self.picture))

    def where(self, chosen: npt.NDArray[np.bool_]) -> Judged:
        """The rows that are chosen."""
        return Judged(
            self.logits[chosen],
            self.familiarity[chosen],
            self.targets[chosen],
            self.picture[chosen],
            self.plain[chosen],
        )

    def choose(self, named_right: float, known_kept: float) -> Decision:
        """The decision for these pictures (`train.confidence.thresholds`)."""
        return choose_decision(
            self.logits,
            self.targets,
            self.familiarity,
            named_right=named_right,
            known_kept=known_kept,
        )


def judge(seen: Seen, familiarity: Familiarity, labels: Sequence[str]) -> Judged:
    """What a model and its familiarity say of pictures of known kinds."""
    familiar = scores(familiarity, seen.logits, seen.embedding)
    return Judged(seen.logits, familiar, seen.targets(labels), seen.picture, seen.plain)


def pooled(parts: Sequence[Judged]) -> Judged:
    """Several in one; pictures of different parts stay different."""
    sizes = [int(part.picture.max(initial=-1)) + 1 for part in parts]
    starts = np.cumsum([0, *sizes[:-1]])
    return Judged(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.familiarity for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([p.picture + start for p, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.plain for part in parts]),
    )
