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

NOTHING, IMAGENET = "none", "imagenet"
SGD, ADAM = "sgd", "adam"
COSINE, CONSTANT = "cosine", "constant"
AUTO, FLOAT32 = "auto", "float32"
LOWEST_LOSS, SMALLEST_ERROR = "lowest-loss", "smallest-error"


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides what a run learns, apart from the pictures. `train.presets` has two.

    preset: the name of the preset that these settings started from.
    size_px: side of the network's square input.
    batch: pictures of one step, over all processes together.
    weights: "imagenet" (torchvision's), "none" (from nothing), a file with weights, or a bundle.
    optimizer: "sgd" (Nesterov momentum) or "adam" (torch's default betas).
    learning_rate: at its peak; None takes 0.05 from nothing and 0.01 from weights with SGD,
        0.001 with Adam.
    schedule: "cosine", down to nothing at the last step, or "constant".
    teachers: bundles whose answers teach beside the names (`train.loop.teachers`).
    teacher_share: of their part in the loss.
    shown_px: side of the augmented squares, which the network and each teacher see shrunk to what
        they take. 0 is `size_px`; a run with teachers raises it to the largest that one takes.
    mixup: alpha of mixup (`train.loop.mix`), which blends pictures of a batch with each other: for
        long training on few pictures. 0 blends nothing.
    ema_decay: per step, of the averaged weights that are validated and exported; 0 averages
        nothing.
    validation_share: part of each class kept for validation; 1/9 is the usual 8:1.
    enlarge: 0 splits photographs and augments the training side, anew in every epoch. A number
        from 1 on is the reference experiment's order: so many pictures are made of each
        photograph first (`train.reproduce.enlarge`), and the split is random over those pictures,
        so that copies of one photograph stand on both sides.
    best_by: which epoch's weights are kept, "lowest-loss" or "smallest-error"
        (`train.loop.choose`).
    precision: "auto" multiplies in bfloat16 where the hardware does (`train.loop.precision`),
        "float32" never: several processes then learn what one learns to 1e-5.
    framing: "stone", a square around the located stone, or "centre", the central square. On
        photographs that a stone fills both tell as much; on a tray "centre" loses a sixth
        (docs/training.md).
    seed: of the split, the order, the augmentation and the new head.
    """

    preset: str = "sound"
    size_px: int = 224
    epochs: int = 80
    batch: int = 32
    weights: str = IMAGENET
    optimizer: str = SGD
    learning_rate: float | None = None
    schedule: str = COSINE
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    teachers: tuple[str, ...] = ()
    teacher_share: float = 0.7
    shown_px: int = 0
    mixup: float = 0.0
    warmup_epochs: float = 3.0
    ema_decay: float = 0.99
    validation_share: float = 1 / 9
    enlarge: float = 0.0
    best_by: str = LOWEST_LOSS
    precision: str = AUTO
    framing: str = "stone"
    seed: int = 0

    def __post_init__(self) -> None:
        _within("size_px", self.size_px, 32, LARGEST_PX)
        _at_least("epochs", self.epochs, 1)
        _at_least("batch", self.batch, 2)
        _within("seed", self.seed, 0, LARGEST_SEED)
        _one_of("optimizer", self.optimizer, SGD, ADAM)
        _one_of("schedule", self.schedule, COSINE, CONSTANT)
        _one_of("precision", self.precision, AUTO, FLOAT32)
        _one_of("best_by", self.best_by, LOWEST_LOSS, SMALLEST_ERROR)
        for name in ("momentum", "label_smoothing", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be from 0 to below 1: {getattr(self, name)}")
        for name in ("weight_decay", "warmup_epochs", "mixup"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a number from 0 on: {getattr(self, name)}")
        _one_of("framing", self.framing, *FRAMINGS)
        if not 0 <= self.teacher_share <= 1:
            raise ValueError(f"teacher_share must be from 0 to 1: {self.teacher_share}")
        if self.shown_px:
            _within("shown_px", self.shown_px, self.size_px, LARGEST_PX)
        if self.enlarge and (self.teachers or self.shown_px):
            raise ValueError("enlarged pictures have one size: teachers cannot be shown them")
        if self.enlarge and self.framing != "centre":
            raise ValueError("enlarged pictures are cut already: framing must be centre")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share must be between 0 and 1: {self.validation_share}")
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be a number above 0: {self.learning_rate}")
        if self.enlarge != 0 and not 1 <= self.enlarge <= 1000:
            raise ValueError(f"enlarge must be 0 or from 1 to 1000: {self.enlarge}")

    @property
    def peak_rate(self) -> float:
        """The learning rate that is used, at its peak."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.optimizer == ADAM:
            return 0.001
        return 0.05 if self.weights == NOTHING else 0.01

    @property
    def augmented_px(self) -> int:
        """Side of the squares that augmentation makes."""
        return self.shown_px or self.size_px

    @property
    def held_px(self) -> int:
        """Side of the squares that teach: larger than those where they are augmented."""
        return self.size_px if self.enlarge else round(self.augmented_px * OVERSIZE)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {value}")


def _one_of(name: str, value: str, *known: str) -> None:
    if value not in known:
        raise ValueError(f"{name} must be {' or '.join(known)}, not “{value}”")
