"""What a run learns from beside its pictures: the weights it starts from, and its teachers."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch

from train.data.prepare import Prepared
from train.loop.teachers import Teacher, Teachers, load_teacher
from train.settings import NOTHING, TrainSettings
from train.weights import Weights, find_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origins:
    """Networks that know something already, and the pictures that they know it from."""

    start: Weights
    teachers: tuple[Teacher, ...]

    @property
    def taught(self) -> frozenset[str]:
        """Digests of the pictures that taught any of them."""
        return self.start.taught.union(*(teacher.taught for teacher in self.teachers))

    def warn_of_leaks(self, data: Prepared) -> None:
        """One that learned from pictures that now validate would flatter the result."""
        validating = data.validation.digests
        origins: list[Weights | Teacher] = [self.start, *self.teachers]
        for origin in origins:
            if leaked := origin.taught.intersection(validating):
                logger.warning(
                    "%s learned from %d of the %d validation pictures: the accuracy will be "
                    "flattered",
                    origin.source,
                    len(leaked),
                    len(validating),
                )

    def together(self, data: Prepared, share: float, device: torch.device) -> Teachers | None:
        """The teachers as the loop takes them; None where there are none."""
        if not self.teachers:
            return None
        return Teachers(self.teachers, data.labels, data.framing, share, device)


def find_origins(settings: TrainSettings, *, resumed: bool) -> Origins:
    """Read what the settings name; a run that goes on after a save has its own weights.

    Raises:
        WeightsError, CheckpointError, BundleError: one of them cannot be had.
    """
    start = find_weights(NOTHING if resumed else settings.weights)
    return Origins(start, tuple(load_teacher(source) for source in settings.teachers))
