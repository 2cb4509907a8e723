"""Others that every bundle can have: known stones in colours and patterns that they never have.

Colour is what tells gems apart, so a photograph whose hues are turned shows a stone of another
kind in the same light, cut and setting; one whose parts are shuffled shows no stone. That such
shifted pictures can stand in for the unknown is Tack et al. 2020, "CSI: Novelty Detection via
Contrastive Learning on Distributionally Shifted Instances". Photographs of other kinds tell more,
and both together most (docs/confidence.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.backends.base import Backend
from deploy.bundle import Bundle
from deploy.errors import PictureError
from deploy.folders import LabelledPicture
from deploy.pictures import read_picture
from train.confidence.collect import Progress, Seen, look_at, some
from train.confidence.rows import joined

TURNS_DEGREES = (70, 140, 220, 290)
PARTS = 4  # a side
MOST_LABELS = 18  # each gives a function for every turn and one for shuffling: 90 at most
MOST_PICTURES = 18  # of one label


def stand_ins(
    bundle: Bundle,
    backend: Backend,
    pictures: Sequence[LabelledPicture],
    progress: Progress,
    seed: int = 0,
) -> Seen:
    """Run the model on changed pictures of known kinds; each change of a label is a kind."""
    labels = bundle.labels[:: max(1, -(-len(bundle.labels) // MOST_LABELS))]
    chosen = [picture for picture in pictures if picture.label in labels]
    parts = []
    rng = np.random.default_rng(seed)
    for picture in progress(some(chosen, MOST_PICTURES, seed), "stand-ins for other kinds"):
        for change, changed in _changed(picture, rng):
            parts.append(look_at(bundle, backend, [changed], f"~{picture.label} {change}"))
    return joined(parts)


def _changed(picture: LabelledPicture, rng: np.random.Generator) -> Iterator[tuple[str, ByteArray]]:
    try:
        pixels = read_picture(picture.path)
    except PictureError:  # it was named when it was looked at as it is
        return
    for degrees in TURNS_DEGREES:
        yield f"turned by {degrees}", turn_hues(pixels, degrees)
    yield "shuffled", shuffle_parts(pixels, rng)


def turn_hues(picture_bgr: ByteArray, degrees: int) -> ByteArray:
    """Every colour moved round the colour circle; greys stay. (H, W, 3) uint8, BGR."""
    hsv = cv2.cvtColor(picture_bgr, cv2.COLOR_BGR2HSV)
    hsv[:, :, 0] = (hsv[:, :, 0].astype(np.int32) + degrees // 2) % 180  # OpenCV: 2 degrees a step
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)


def shuffle_parts(picture_bgr: ByteArray, rng: np.random.Generator) -> ByteArray:
    """The central square cut into 4 x 4 parts, laid anew. (S, S, 3) uint8, BGR.

    A picture of fewer than 4 pixels a side stays as it is.
    """
    height, width = picture_bgr.shape[:2]
    part = min(height, width) // PARTS
    if not part:
        return picture_bgr
    side = part * PARTS
    top, left = (height - side) // 2, (width - side) // 2
    square = picture_bgr[top : top + side, left : left + side]
    cut = square.reshape(PARTS, part, PARTS, part, 3).swapaxes(1, 2).reshape(-1, part, part, 3)
    laid = cut[rng.permutation(len(cut))].reshape(PARTS, PARTS, part, part, 3).swapaxes(1, 2)
    return np.ascontiguousarray(laid.reshape(side, side, 3))
