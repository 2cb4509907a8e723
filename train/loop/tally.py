"""Loss and hits, added up where they arise and read seldom: reading makes a GPU stand still."""

from __future__ import annotations

import torch
from torch import Tensor

from train.loop.team import Team

READ_EVERY = 10  # batches


class Tally:
    """Sums over the pictures of an epoch, as [loss, hits, pictures], float64."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)
        self._latest = (0.0, 0.0)
        self._batches = 0

    def add(self, mean_loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Count a batch; nothing is read."""
        hits = (logits.argmax(1) == targets).sum()
        count = torch.full_like(mean_loss, len(targets))
        self._sums += torch.stack([mean_loss.detach() * count, hits.to(mean_loss), count]).double()
        self._batches += 1

    def latest(self) -> tuple[float, float]:
        """Mean loss and top-1 of this process so far, not always those of the last batches."""
        if self._batches % READ_EVERY == 1:
            self._latest = _means(self._sums)
        return self._latest

    def read(self, team: Team) -> tuple[float, float]:
        """Mean loss and top-1 of all processes together."""
        return _means(team.sum(self._sums.clone()))


def _means(sums: Tensor) -> tuple[float, float]:
    loss, hits, count = sums.tolist()
    return loss / max(count, 1), hits / max(count, 1)
