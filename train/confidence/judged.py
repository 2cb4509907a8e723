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
from train.confidence.rows import Rows
from train.confidence.thresholds import Asked, choose_decision

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged(Rows):
    """One row for each picture and each view of one. The model may differ from row to row.

    logits: (N, C) float32.
    familiarity: (N,).
    targets: (N,) class numbers.
    picture, plain: of `Rows`.
    """

    logits: FloatArray
    familiarity: Doubles
    targets: npt.NDArray[np.int64]
    picture: npt.NDArray[np.int64]
    plain: npt.NDArray[np.bool_]

    def choose(self, asked: Asked) -> Decision:
        """The decision for these pictures (`train.confidence.thresholds`)."""
        return choose_decision(self.logits, self.targets, self.familiarity, asked)


def judge(seen: Seen, familiarity: Familiarity, labels: Sequence[str]) -> Judged:
    """What a model and its familiarity say of pictures of known kinds."""
    familiar = scores(familiarity, seen.logits, seen.embedding)
    return Judged(seen.logits, familiar, seen.targets(labels), seen.picture, seen.plain)
