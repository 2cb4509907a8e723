"""The averaged weights."""

from __future__ import annotations

import pytest
import torch

from train.loop.average import Average, decay_after
from train.model import build_model


def test_the_average_follows_at_once_and_is_slow_later():
    """A run of a few steps must not be judged by the weights it started with."""
    assert decay_after(0, 0.99) == 0
    assert decay_after(1, 0.99) == pytest.approx(2 / 11)
    assert decay_after(5000, 0.99) == 0.99


def test_weights_and_running_statistics_are_averaged_and_a_state_goes_on():
    torch.manual_seed(0)
    model = build_model(3)
    average = Average(model, 0.99)
    for _ in range(2):
        model(torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8))  # moves the statistics
        with torch.no_grad():
            model.backbone.fc.weight += 1
        average.update()

    body, taught = average.module.backbone, model.backbone
    behind = taught.fc.weight - body.fc.weight
    assert torch.allclose(behind, torch.full_like(behind, 2 / 11), atol=1e-5)
    assert not torch.equal(body.bn1.running_mean, taught.bn1.running_mean)
    assert body.bn1.num_batches_tracked == 2
    later = Average(model, 0.99)
    later.restore(average.state())
    for each in (average, later):
        each.update()
    assert torch.equal(later.module.backbone.fc.weight, average.module.backbone.fc.weight)


def test_no_average_is_the_weights_themselves():
    model = build_model(3)
    average = Average(model, 0.0)
    for _ in range(3):
        with torch.no_grad():
            model.backbone.fc.weight += 1
        average.update()

    assert torch.equal(average.module.backbone.fc.weight, model.backbone.fc.weight)
