from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_app.sources.camera_jpeg import JpegDecoder


@pytest.fixture
def jpeg(picture) -> np.ndarray:
    return cv2.imencode(".jpg", picture)[1].reshape(1, -1)


def test_a_whole_picture_is_decoded_with_or_without_filling(jpeg):
    decoder = JpegDecoder()
    filled = np.concatenate([jpeg, np.zeros((1, 700), np.uint8)], axis=1)

    assert decoder.decode(jpeg).shape == (48, 64, 3)
    assert np.array_equal(decoder.decode(filled), decoder.decode(jpeg))


def test_a_picture_that_is_cut_off_or_garbage_is_refused(jpeg):
    decoder = JpegDecoder()
    decoder.decode(jpeg)

    assert decoder.decode(jpeg[:, : jpeg.size // 2]) is None
    assert decoder.decode(np.full((1, 500), 0x55, np.uint8)) is None
    assert decoder.decode(np.zeros((1, 0), np.uint8)) is None
    assert decoder.decode(jpeg) is not None


def test_a_camera_that_never_marks_the_end_is_believed(jpeg):
    decoder = JpegDecoder()

    assert decoder.decode(jpeg[:, :-2]).shape == (48, 64, 3)
    assert decoder.decode(jpeg[:, :-2]).shape == (48, 64, 3)
