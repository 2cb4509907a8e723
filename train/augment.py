"""Augmentation of a whole batch at once, on the device that trains."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (its usual name)

SCALE = (0.8, 1.25)
SHIFT = 0.1  # of the side
BRIGHTNESS = 0.1
CONTRAST = 0.1
CHANNEL_GAIN = 0.04  # colour is what tells gems apart, so the cast stays mild


def augment(squares: Tensor, size_px: int, generator: torch.Generator) -> Tensor:
    """Turn, shift, scale, mirror and mildly relight a batch.

    Args:
        squares: (N, 3, S, S) uint8, RGB, on any device; S may be larger than `size_px`.
        generator: of the CPU, so that a run repeats on every device.

    Returns:
        (N, 3, size_px, size_px) float32 from 0 to 255, RGB, on the same device.
    """
    count = len(squares)
    grid = F.affine_grid(
        random_affine(count, generator).to(squares.device),
        [count, 3, size_px, size_px],
        align_corners=False,
    )
    turned = F.grid_sample(squares.float(), grid, padding_mode="border", align_corners=False)
    return relight(turned, generator)


def random_affine(count: int, generator: torch.Generator) -> Tensor:
    """(N, 2, 3) matrices for `affine_grid`: full turns, scale, shift, mirror, drawn evenly."""
    angle = torch.rand(count, generator=generator) * 2 * math.pi
    low, high = (math.log(limit) for limit in SCALE)
    scale = torch.exp(torch.rand(count, generator=generator) * (high - low) + low)
    mirror = torch.randint(0, 2, (count,), generator=generator) * 2 - 1
    shift = (torch.rand(count, 2, generator=generator) * 2 - 1) * 2 * SHIFT
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = [torch.stack([cos * mirror, -sin], 1), torch.stack([sin * mirror, cos], 1)]
    return torch.cat([torch.stack(rows, 1), shift[:, :, None]], 2)


def relight(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Change brightness, contrast and white balance of (N, 3, H, W) by a few per cent each."""
    count, device = len(pictures), pictures.device

    def around(spread: float, channels: int = 1) -> Tensor:
        drawn = torch.rand(count, channels, 1, 1, generator=generator) * 2 - 1
        return (drawn * spread).to(device)

    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    gain = (1 + around(BRIGHTNESS)) * (1 + around(CHANNEL_GAIN, 3))
    contrasted = mean + (pictures - mean) * (1 + around(CONTRAST))
    return (contrasted * gain).clamp_(0, 255)
