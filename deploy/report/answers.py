"""What one model said of labelled pictures, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.decision import probabilities

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Answers:
    """N pictures of known classes, and the logits of one model for them.

    title: what ran, in a word: "float32", "INT8".
    labels: C names; position i belongs to logit i.
    logits: (N, C) float32, not yet divided by anything.
    targets: (N,) the true class numbers.
    paths: N files.
    temperature: of the confidences that an operator is shown.
    """

    title: str
    labels: tuple[str, ...]
    logits: FloatArray
    targets: IntArray
    paths: tuple[Path, ...]
    temperature: float = 1.0

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def confidences(self) -> FloatArray:
        """(N, C) softmax at temperature 1."""
        return probabilities(self.logits, 1.0)

    @cached_property
    def shown(self) -> FloatArray:
        """(N, C) confidences as an operator is shown them."""
        return probabilities(self.logits, self.temperature)

    @cached_property
    def predicted(self) -> IntArray:
        """(N,) the most probable class numbers."""
        return np.asarray(self.logits.argmax(axis=1), np.int64)

    @cached_property
    def right(self) -> BoolArray:
        """(N,) whether the most probable class is the true one."""
        return np.asarray(self.predicted == self.targets, bool)

    @cached_property
    def losses(self) -> FloatArray:
        """(N,) cross entropy: minus the logarithm of the true label's softmax."""
        shifted = self.logits - self.logits.max(axis=1, keepdims=True)
        true = shifted[np.arange(len(self)), self.targets]
        return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - true, np.float32)

    @property
    def finite(self) -> bool:
        """Whether every logit is a number; a network that diverged gives others."""
        return bool(np.isfinite(self.logits).all())


def worst(answers: Answers, most: int = 20) -> list[int]:
    """The pictures with the highest loss, worst first; those without a number come first."""
    losses = np.nan_to_num(answers.losses, nan=np.inf)
    return [int(index) for index in np.argsort(-losses, kind="stable")[:most]]
