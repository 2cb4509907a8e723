"""The settings of a training run, checked when they are made and saved beside its results."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Augmentation turns and zooms: squares for training are held this much larger than the network's
# input, so that a zoomed one is still sharp.
OVERSIZE = 1.25
LARGEST_SQUARE_PX = 1024  # of `deploy.preprocess.InputSpec`
LARGEST_PX = int(LARGEST_SQUARE_PX / OVERSIZE)

FRAMINGS = ("centre", "stone")  # of `deploy.preprocess`, which loads OpenCV
LARGEST_SEED = 2**32 - 1  # each epoch's own seed, a multiple of it, still fits into 64 bits


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides what a run learns, apart from the pictures.

    size_px: side of the network's square input.
    weights: "imagenet" (torchvision's), "none" (from nothing), or a file with weights.
    learning_rate: of SGD at its peak; None takes 0.05 from nothing, 0.01 from weights.
    validation_share: part of each class kept for validation; 1/9 is the usual 8:1.
    ema_decay: per step, of the averaged weights that are validated and exported.
    framing: "centre", the central square, or "stone", a square around the located stone.
    seed: of the split, the order, the augmentation and the new head.
    """

    size_px: int = 224
    epochs: int = 80
    batch: int = 32
    weights: str = "imagenet"
    learning_rate: float | None = None
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    warmup_epochs: float = 3.0
    ema_decay: float = 0.99
    validation_share: float = 1 / 9
    framing: str = "centre"
    seed: int = 0

    def __post_init__(self) -> None:
        _within("size_px", self.size_px, 32, LARGEST_PX)
        _at_least("epochs", self.epochs, 1)
        _at_least("batch", self.batch, 2)
        _within("seed", self.seed, 0, LARGEST_SEED)
        if self.framing not in FRAMINGS:
            raise ValueError(f"framing must be {' or '.join(FRAMINGS)}, not {self.framing}")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share must be between 0 and 1: {self.validation_share}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be from 0 to below 1: {self.ema_decay}")
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be a number above 0: {self.learning_rate}")

    @property
    def peak_rate(self) -> float:
        """The learning rate that is used, at its peak."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 0.05 if self.weights == "none" else 0.01


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {value}")
