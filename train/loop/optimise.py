"""The optimiser and its schedule, as the settings want them."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
)

from train.settings import ADAM, CONSTANT, TrainSettings


def make_optimizer(model: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, or Adam; biases and batch normalisation are not decayed.

    On a GPU the step is one fused kernel.

    Source: He et al. 2018, "Bag of Tricks for Image Classification", section 3.1.
    """
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    rate, fused = settings.peak_rate, parameters[0].is_cuda or None
    if settings.optimizer == ADAM:
        return torch.optim.Adam(groups, lr=rate, fused=fused)
    momentum = settings.momentum
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=fused)


def make_schedule(
    optimizer: torch.optim.Optimizer, settings: TrainSettings, steps_per_epoch: int
) -> LRScheduler:
    """A short rise, then a cosine to nothing or no change, step by step."""
    total = settings.epochs * steps_per_epoch
    warmup = min(round(settings.warmup_epochs * steps_per_epoch), total // 5)
    main = _main(optimizer, settings, max(1, total - warmup))
    if warmup == 0:
        return main
    rise = LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup)
    return SequentialLR(optimizer, [rise, main], [warmup])


def _main(optimizer: torch.optim.Optimizer, settings: TrainSettings, steps: int) -> LRScheduler:
    if settings.schedule == CONSTANT:
        return ConstantLR(optimizer, factor=1.0)
    return CosineAnnealingLR(optimizer, steps)
