"""The batched affine warp and the mild photometric change."""

from __future__ import annotations

import math

import torch

from train.loop.augment import SCALE, SHIFT, augment, draw_changes, random_affine, relight


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

    pictures = augment(squares, 64, draw_changes(5, generator()))

    assert pictures.shape == (5, 3, 64, 64)
    assert 0 <= float(pictures.min()) < float(pictures.max()) <= 255


def test_the_same_generator_state_repeats_the_batch():
    squares = torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8)

    one, other = (augment(squares, 32, draw_changes(3, generator(5))) for _ in range(2))
    assert torch.equal(one, other)


def test_a_part_of_a_batch_is_changed_as_it_is_within_the_whole():
    """Processes that train together show what one process would have shown."""
    squares = torch.randint(0, 256, (6, 3, 40, 40), dtype=torch.uint8)
    changes, part = draw_changes(6, generator(5)), slice(2, 4)

    whole = augment(squares, 32, changes)

    assert torch.allclose(augment(squares[part], 32, changes.part(part)), whole[part], atol=1e-3)


def test_without_mirroring_no_matrix_turns_a_picture_over():
    assert float(torch.linalg.det(random_affine(50, generator(), mirror=False)[:, :, :2]).min()) > 0


def test_colour_stays_within_a_few_per_cent():
    """Colour is evidence: a red must not become an orange."""
    red = torch.tensor([180.0, 30.0, 40.0]).view(1, 3, 1, 1).expand(200, 3, 4, 4)

    relit = relight(red.clone(), draw_changes(200, generator()))

    ratio = relit[:, 0].mean((1, 2)) / relit[:, 1].mean((1, 2))
    assert float(ratio.min()) > 3.0
    assert float(ratio.std()) > 0.05
