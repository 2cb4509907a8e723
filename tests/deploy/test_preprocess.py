"""From a picture of any size to the network's square."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deploy.errors import FrameError
from deploy.preprocess import (
    Framing,
    InputSpec,
    SquareBox,
    frame_box,
    preprocess,
    preprocess_picture,
)

SPEC = InputSpec(224)


def smooth_frame(height: int, width: int) -> np.ndarray:
    """A frame without detail finer than a pixel of the result."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [rows / height, columns / width, (rows + columns) / (height + width)]
    return (np.stack(planes, 2) * 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1080, 1920), (288, 400), (100, 60)])
def test_the_square_is_the_middle_in_rgb_at_the_size_of_the_bundle(height, width):
    frame = smooth_frame(height, width)

    square = preprocess_picture(frame, Framing(), SPEC)

    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = frame[top : top + side, left : left + side, ::-1].astype(np.float32)
    expected = cv2.resize(middle, (224, 224), interpolation=cv2.INTER_LINEAR)
    assert square.shape == (224, 224, 3)
    assert square.dtype == np.uint8
    assert square.flags.c_contiguous
    assert np.abs(square - expected).mean() < 1.5


def test_a_margin_cuts_the_same_part_off_each_side():
    box = frame_box(smooth_frame(720, 1280), Framing(margin=0.1))

    assert box == SquareBox((1280 - 576) // 2, 72, 576)


def test_shrinking_averages_instead_of_skipping_pixels():
    """A fine checkerboard must turn grey; skipped pixels would leave black and white."""
    board = ((np.indices((896, 896)).sum(0) % 2) * 255).astype(np.uint8)
    frame = np.repeat(board[:, :, None], 3, axis=2)

    square = preprocess_picture(frame, Framing(), SPEC)

    assert np.abs(square.astype(int) - 127).max() <= 1


def test_a_box_over_the_border_repeats_it():
    frame = np.zeros((300, 300, 3), np.uint8)
    frame[:, 0] = (10, 20, 30)

    square = preprocess(frame, SquareBox(-112, 20, 224), SPEC)

    assert (square[:, :112] == (30, 20, 10)).all()
    assert (square[:, 114:] == 0).all()


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
)
def test_anything_but_a_colour_frame_of_bytes_is_refused_by_shape_and_type(frame):
    with pytest.raises(FrameError, match=r"not \("):
        preprocess_picture(frame, Framing(), SPEC)


def test_a_missing_frame_is_refused():
    with pytest.raises(FrameError, match="not NoneType"):
        preprocess_picture(None, Framing(), SPEC)  # type: ignore[arg-type]


@pytest.mark.parametrize("height", [31, 224, 447, 448, 449, 897])
def test_every_height_comes_out_at_the_same_size(height):
    assert preprocess_picture(smooth_frame(height, height + 7), Framing(), SPEC).shape[0] == 224
