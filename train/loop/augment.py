"""Augmentation of a whole batch at once, on the device that trains."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (its usual name)

SCALE = (0.8, 1.25)
SHIFT = 0.1  # of the side
BRIGHTNESS = 0.1
CONTRAST = 0.1
CHANNEL_GAIN = 0.04  # colour is what tells gems apart, so the cast stays mild


@dataclass(frozen=True)
class Changes:
    """What is done to each picture of a batch.

    affine: (N, 2, 3) float32, for `affine_grid`.
    gain: (N, 3, 1, 1) float32, brightness and white balance.
    contrast: (N, 1, 1, 1) float32.
    """

    affine: Tensor
    gain: Tensor
    contrast: Tensor

    def part(self, which: slice) -> Changes:
        """Those of a part of the batch."""
        return Changes(self.affine[which], self.gain[which], self.contrast[which])

    def to(self, device: torch.device) -> Changes:
        """The same on a device; the processor does not wait for the copy."""
        return Changes(*(on_device(x, device) for x in (self.affine, self.gain, self.contrast)))


def on_device(drawn: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on a device; on the way to a GPU through page-locked memory."""
    if device.type != "cuda":
        return drawn.to(device)
    return drawn.pin_memory().to(device, non_blocking=True)


def draw_changes(count: int, generator: torch.Generator) -> Changes:
    """Draw for a whole batch: full turns, scale, shift, mirror, and a mildly other light.

    Args:
        count: pictures of the batch, those of other processes included.
        generator: of the CPU, so that a run repeats on every device.
    """

    def around(spread: float, channels: int = 1) -> Tensor:
        return (torch.rand(count, channels, 1, 1, generator=generator) * 2 - 1) * spread

    affine = random_affine(count, generator)
    gain = (1 + around(BRIGHTNESS)) * (1 + around(CHANNEL_GAIN, 3))
    return Changes(affine, gain, 1 + around(CONTRAST))


def augment(squares: Tensor, size_px: int, changes: Changes) -> Tensor:
    """Turn, shift, scale, mirror and mildly relight a batch by one warp.

    Args:
        squares: (N, 3, S, S) uint8, RGB, on any device; S may be larger than `size_px`.
        changes: one for each square, on the same device.

    Returns:
        (N, 3, size_px, size_px) float32 from 0 to 255, RGB, on the same device.
    """
    return relight(warp(squares, size_px, changes.affine), changes)


def warp(squares: Tensor, size_px: int, affine: Tensor) -> Tensor:
    """(N, 3, size_px, size_px) float32: squares under their matrices; the border is repeated."""
    shape = [len(squares), 3, size_px, size_px]
    grid = F.affine_grid(affine, shape, align_corners=False)
    return F.grid_sample(squares.float(), grid, padding_mode="border", align_corners=False)


def shrink(pictures: Tensor, size_px: int) -> Tensor:
    """(N, 3, size_px, size_px) float32 of (N, 3, S, S): every pixel of them counts."""
    if pictures.shape[-1] == size_px:
        return pictures
    size = (size_px, size_px)
    return F.interpolate(pictures, size=size, mode="bilinear", antialias=True)


def random_affine(count: int, generator: torch.Generator, *, mirror: bool = True) -> Tensor:
    """(N, 2, 3) matrices for `affine_grid`: full turns, scale, shift, mirror, drawn evenly."""
    angle = torch.rand(count, generator=generator) * 2 * math.pi
    low, high = (math.log(limit) for limit in SCALE)
    scale = torch.exp(torch.rand(count, generator=generator) * (high - low) + low)
    flip = torch.randint(0, 2, (count,), generator=generator) * 2 - 1 if mirror else 1
    shift = (torch.rand(count, 2, generator=generator) * 2 - 1) * 2 * SHIFT
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = [torch.stack([cos * flip, -sin], 1), torch.stack([sin * flip, cos], 1)]
    return torch.cat([torch.stack(rows, 1), shift[:, :, None]], 2)


def relight(pictures: Tensor, changes: Changes) -> Tensor:
    """Change brightness, contrast and white balance of (N, 3, H, W), 0 to 255."""
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    contrasted = mean + (pictures - mean) * changes.contrast
    return (contrasted * changes.gain).clamp_(0, 255)
