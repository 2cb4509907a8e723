"""Batch normalisation over the batches of all processes, on the CPU.

torch.nn.SyncBatchNorm does this on GPUs and refuses a CPU. Without it two processes of half a
batch would not learn what one process of the whole batch learns.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class SharedBatchNorm(nn.BatchNorm2d):
    """Statistics of the whole batch; every process must hold an equal part of it."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, H, W); in evaluation as `nn.BatchNorm2d` does."""
        if not self.training:
            return super().forward(input)
        x = input.float()
        mean = _mean_of_all(x.mean((0, 2, 3)))
        centred = x - mean[:, None, None]
        variance = _mean_of_all(centred.square().mean((0, 2, 3)))
        self._remember(mean, variance, x.numel() // x.shape[1] * dist.get_world_size())
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update what evaluation uses, with the unbiased variance, as `nn.BatchNorm2d` does."""
        momentum = self.momentum or 0.1
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), momentum)


class _MeanOfAll(torch.autograd.Function):
    """The mean over all processes; its gradient is the mean of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _average(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _average(gradients[0])


def _average(values: Tensor) -> Tensor:
    values = values.clone()
    dist.all_reduce(values)
    return values / dist.get_world_size()


def _mean_of_all(values: Tensor) -> Tensor:
    return _MeanOfAll.apply(values)  # type: ignore[no-any-return]
