"""The averaged weights: what is validated and exported."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from train.model import GemNet


class Average:
    """An exponential average of a network's weights and running statistics.

    torch's AveragedModel keeps its count in a tensor and reads it in every step, for which the
    processor has to wait for the GPU; this count is a plain number.
    """

    def __init__(self, model: GemNet, decay: float) -> None:
        self.module = copy.deepcopy(model).eval().requires_grad_(False)
        self._decay = decay
        self._updates = 0
        # Found once: walking through both networks takes some 2 ms, in every step.
        self._weights = (_weights(self.module), _weights(model))
        self._counts = (_counts(self.module), _counts(model))

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the network, whose weights have changed in place, by one step."""
        share = 1 - decay_after(self._updates, self._decay)
        torch._foreach_lerp_(*self._weights, share)
        torch._foreach_copy_(*self._counts)
        self._updates += 1

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {"module": self.module.state_dict(), "updates": self._updates}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.module.load_state_dict(state["module"])
        self._updates = int(state["updates"])


def decay_after(updates: int, decay: float) -> float:
    """The decay of the next update: low at first, so that short runs have an average too.

    Source: the `num_updates` rule of TensorFlow's ExponentialMovingAverage,
    min(decay, (1 + n) / (10 + n)) after n updates; the first one takes the weights as they are.
    """
    return 0.0 if updates == 0 else min(decay, (1 + updates) / (10 + updates))


def _weights(model: GemNet) -> list[Tensor]:
    statistics = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    return [parameter.detach() for parameter in model.parameters()] + statistics


def _counts(model: GemNet) -> list[Tensor]:
    return [buffer for buffer in model.buffers() if not buffer.is_floating_point()]
