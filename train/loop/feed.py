"""How batches reach the training device: from its memory, or read from files as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from train.data.prepare import Side
from train.loop.augment import on_device
from train.loop.stream import Stream

Batch = tuple[Tensor, Tensor]  # (N, 3, S, S) uint8 RGB and (N,) class numbers, on the device


class Feed(Protocol):
    """One side of the split, picture by number."""

    def batches(self, order: Sequence[Tensor]) -> Iterator[Batch]:
        """The batches whose pictures' numbers are given."""


class HeldFeed:
    """Every picture lies on the device."""

    def __init__(self, pixels: Tensor, targets: Tensor, device: torch.device) -> None:
        self._pixels = pixels.to(device)
        self._targets = targets.to(device)
        self._device = device

    def batches(self, order: Sequence[Tensor]) -> Iterator[Batch]:
        """Picked out on the device."""
        for numbers in order:
            chosen = on_device(numbers, self._device)
            yield self._pixels[chosen], self._targets[chosen]


class StreamedFeed:
    """Pictures stay in their files."""

    def __init__(self, side: Side, size_px: int, stream: Stream, device: torch.device) -> None:
        self._side, self._size_px = side, size_px
        self._stream, self._device = stream, device

    def batches(self, order: Sequence[Tensor]) -> Iterator[Batch]:
        """Read ahead by other processes, in order."""
        requests = [(self._paths(numbers), self._size_px) for numbers in order]
        for numbers, squares in zip(order, self._stream.read(requests), strict=True):
            targets = on_device(self._side.targets[numbers], self._device)
            yield squares.to(self._device, non_blocking=True), targets

    def _paths(self, numbers: Tensor) -> list[str]:
        return [str(self._side.pictures[number].path) for number in numbers.tolist()]


def make_feed(side: Side, size_px: int, stream: Stream, device: torch.device) -> Feed:
    """A feed of pictures that are held, or of files where they are not."""
    if side.pixels is None:
        return StreamedFeed(side, size_px, stream, device)
    return HeldFeed(side.pixels, side.targets, device)
