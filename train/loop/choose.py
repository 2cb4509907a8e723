"""Which epoch's weights a run keeps as its best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from train.settings import SMALLEST_ERROR

if TYPE_CHECKING:
    from train.loop.history import EpochResult


def chosen_epoch(history: Sequence[EpochResult], best_by: str) -> int:
    """The index of the epoch that is kept; of equal ones the first.

    Args:
        history: the epochs done, at least one.
        best_by: "lowest-loss": the lowest validation loss; it is steadier than accuracy on a few
            pictures, and flatters less. "smallest-error": the lowest sum of the validation error
            and of its distance from the training error, where an error is 1 - top-1. That is our
            reading of the reference experiment, which takes the epoch "with the smallest error,
            where training and test error are closest".
    """
    score = _error_and_gap if best_by == SMALLEST_ERROR else _loss
    return min(range(len(history)), key=lambda index: score(history[index]))


def _loss(result: EpochResult) -> float:
    return result.validation_loss


def _error_and_gap(result: EpochResult) -> float:
    gap = abs(result.validation_top1 - result.training_top1)
    return 1 - result.validation_top1 + gap
