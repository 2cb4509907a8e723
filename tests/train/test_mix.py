"""Mixup: blended pictures, blended names."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from train.loop.mix import MIXED, Mix, draw_mix

CPU = torch.device("cpu")


def test_nothing_is_blended_or_drawn_unless_it_was_asked_for():
    torch.manual_seed(1)
    before = torch.get_rng_state()

    assert draw_mix(8, 0.0, CPU) is None
    assert torch.equal(torch.get_rng_state(), before)


def test_some_batches_are_blended_with_weights_near_the_ends():
    torch.manual_seed(1)
    mixes = [draw_mix(8, 0.3, CPU) for _ in range(2000)]

    drawn = [mix for mix in mixes if mix]
    assert len(drawn) / len(mixes) == pytest.approx(MIXED, abs=0.04)
    weights = torch.tensor([mix.weight for mix in drawn])
    assert float(weights.mean()) == pytest.approx(0.5, abs=0.04)
    assert float(((weights < 0.1) | (weights > 0.9)).float().mean()) > 0.4
    assert all(sorted(mix.partners.tolist()) == list(range(8)) for mix in drawn[:50])


def test_the_same_seed_blends_in_the_same_way():
    def drawn() -> list[tuple[float, list[int]]]:
        torch.manual_seed(3)
        mixes = [draw_mix(4, 0.3, CPU) for _ in range(10)]
        return [(mix.weight, mix.partners.tolist()) for mix in mixes if mix]

    assert drawn() == drawn()


def test_pictures_and_loss_are_those_of_both_names():
    mix = Mix(0.75, torch.tensor([1, 0]))
    pictures = torch.stack([torch.zeros(3, 2, 2), torch.full((3, 2, 2), 100.0)])
    logits, targets = torch.tensor([[2.0, 0.0], [1.0, 3.0]]), torch.tensor([0, 1])

    assert mix.pictures(pictures)[:, 0, 0, 0].tolist() == [25.0, 75.0]
    wanted = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    assert mix.loss(F.cross_entropy, logits, targets) == pytest.approx(
        float(F.cross_entropy(logits, wanted))
    )
