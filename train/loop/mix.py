"""Mixup: pictures of a batch are blended with each other, and so is what they are to be called.

Source: Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", 2018
(arXiv:1710.09412).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MIXED = 0.6  # of the batches; the others are shown as they are

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Mix:
    """How one batch is blended: each picture with its partner.

    weight: of the picture itself, from 0 to 1.
    partners: (N,) int64, a permutation.
    """

    weight: float
    partners: Tensor

    def pictures(self, pictures: Tensor) -> Tensor:
        """Blend (N, 3, H, W) float."""
        return self.weight * pictures + (1 - self.weight) * pictures[self.partners]

    def loss(self, loss: Loss, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of blended pictures, of both names by their weights."""
        own, other = loss(logits, targets), loss(logits, targets[self.partners])
        return self.weight * own + (1 - self.weight) * other


def draw_mix(count: int, alpha: float, device: torch.device) -> Mix | None:
    """Draw how a batch is blended, from torch's own generator; None for one that is not.

    With several processes each blends its own part of a batch.

    Args:
        count: pictures.
        alpha: of the Beta(alpha, alpha) that weights are drawn from; 0 blends nothing.
    """
    if not alpha or float(torch.rand(())) >= MIXED:
        return None
    weight = float(torch.distributions.Beta(alpha, alpha).sample())
    return Mix(weight, torch.randperm(count).to(device))
