"""From a picture of any size to the network's square."""

from __future__ import annotations

import tracemalloc

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


def tray_with_stone(x: int, y: int, width: int, height: int) -> np.ndarray:
    """(360, 640, 3): a red block on light grey."""
    frame = np.full((360, 640, 3), 225, np.uint8)
    frame[y : y + height, x : x + width] = (40, 30, 190)
    return frame


def test_the_stones_square_has_the_stone_in_its_middle_and_the_margin_on_each_side():
    box = frame_box(tray_with_stone(400, 100, 120, 80), Framing("stone", margin=0.25))

    assert abs(box.side_px - 180) <= 15
    assert abs(box.x + box.side_px / 2 - 460) <= 5
    assert abs(box.y + box.side_px / 2 - 140) <= 5


@pytest.mark.parametrize(("x", "y"), [(4, 60), (540, 4), (530, 250)])
def test_at_the_pictures_border_the_stones_square_moves_inside(x: int, y: int):
    box = frame_box(tray_with_stone(x, y, 90, 90), Framing("stone", margin=0.45))

    assert 0 <= box.x <= x
    assert 0 <= box.y <= y
    assert box.x + box.side_px <= 640
    assert box.y + box.side_px <= 360


def test_a_stone_that_is_longer_than_the_picture_is_high_is_shown_whole():
    box = frame_box(tray_with_stone(100, 130, 440, 100), Framing("stone", margin=0.1))

    assert box.side_px >= 430
    assert box.x <= 105
    assert abs(box.y + box.side_px / 2 - 180) <= 1


def test_without_a_stone_the_whole_central_square_is_taken():
    empty = np.full((360, 640, 3), 225, np.uint8)

    assert frame_box(empty, Framing("stone", margin=0.25)) == SquareBox(140, 0, 360)


def test_a_framing_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="known are centre and stone"):
        Framing("guess")


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


def test_a_long_strip_takes_no_more_memory_than_it_is_worth():
    strip = np.full((12, 30_000, 3), 200, np.uint8)
    strip[:, 14_000:16_000] = (10, 20, 250)

    tracemalloc.start()
    square = preprocess(strip, SquareBox(0, -14_994, 30_000), InputSpec(64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 200e6
    assert tuple(square[32, 32]) == (250, 20, 10)
    assert tuple(square[32, 0]) == (200, 200, 200)
