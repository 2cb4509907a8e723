"""The batched affine warp and the mild photometric change."""

from __future__ import annotations

import math

import torch

from train.augment import SCALE, SHIFT, augment, random_affine, relight


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_matrices_hold_a_turn_a_scale_within_limits_and_a_shift_within_limits():
    matrices = random_affine(500, generator())

    determinants = torch.linalg.det(matrices[:, :, :2]).abs()
    scales = 1 / determinants.sqrt()
    assert SCALE[0] - 1e-5 <= float(scales.min()) < 0.85
    assert 1.2 < float(scales.max()) <= SCALE[1] + 1e-5
    assert float(matrices[:, :, 2].abs().max()) <= 2 * SHIFT
    columns = matrices[:, :, :2]
    assert torch.allclose((columns[:, :, 0] * columns[:, :, 1]).sum(1), torch.zeros(500), atol=1e-5)
    angles = torch.atan2(columns[:, 1, 1], -columns[:, 0, 1])
    assert float(angles.min()) < -0.9 * math.pi
    assert float(angles.max()) > 0.9 * math.pi


def test_a_batch_comes_out_at_the_network_size_and_inside_the_range_of_bytes():
    squares = torch.randint(0, 256, (5, 3, 80, 80), dtype=torch.uint8)

    pictures = augment(squares, 64, generator())

    assert pictures.shape == (5, 3, 64, 64)
    assert 0 <= float(pictures.min()) < float(pictures.max()) <= 255


def test_the_same_generator_state_repeats_the_batch():
    squares = torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8)

    assert torch.equal(augment(squares, 32, generator(5)), augment(squares, 32, generator(5)))


def test_colour_stays_within_a_few_per_cent():
    """Colour is evidence: a red must not become an orange."""
    red = torch.tensor([180.0, 30.0, 40.0]).view(1, 3, 1, 1).expand(200, 3, 4, 4)

    relit = relight(red.clone(), generator())

    ratio = relit[:, 0].mean((1, 2)) / relit[:, 1].mean((1, 2))
    assert float(ratio.min()) > 3.0
    assert float(ratio.std()) > 0.05
