"""Which pictures show the same photograph: the reason why a random split flatters a model."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deploy.arrays import ByteArray, FloatArray

THUMBNAIL_PX = 16
BLOCK = 1024

# Judged by eye on pairs of 596 gem photographs: above 0.98 nearly every pair is one photograph,
# recompressed, shifted or cut anew; down to 0.97 some are only alike. Grouping too much costs
# nothing but freedom in the split; grouping too little flatters the result.
SAME = 0.97


def thumbnail(square_rgb: ByteArray) -> FloatArray:
    """A picture's signature: (768,) float32 of length 1, without its mean colour.

    Args:
        square_rgb: (S, S, 3) uint8, as `deploy.preprocess` gives it.
    """
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    small = cv2.resize(square_rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean(axis=(0, 1))
    length = float(np.linalg.norm(small))
    return (small / max(length, 1e-6)).ravel()


def group_duplicates(thumbnails: FloatArray, same: float = SAME) -> npt.NDArray[np.int64]:
    """Number the groups of near-duplicates.

    Turned and mirrored copies are not found: the signature is tied to the picture's axes.

    Args:
        thumbnails: (N, 768) float32, from `thumbnail`.
        same: cosine from which two pictures count as one photograph.

    Returns:
        (N,) group numbers; pictures of one group are linked by a chain of near-duplicates.
    """
    pairs = [_alike(thumbnails, start, same) for start in range(0, len(thumbnails), BLOCK)]
    rows, columns = np.concatenate(pairs, axis=1)
    count = len(thumbnails)
    links = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def nearly_copies(
    thumbnails: FloatArray, others: FloatArray, same: float = SAME
) -> npt.NDArray[np.bool_]:
    """Which pictures show the same photograph as one of `others`.

    Args:
        thumbnails: (N, 768) float32, from `thumbnail`.
        others: (M, 768) float32.

    Returns:
        (N,) bool.
    """
    blocks = [thumbnails[start : start + BLOCK] for start in range(0, len(thumbnails), BLOCK)]
    return np.concatenate([(block @ others.T > same).any(axis=1) for block in blocks])


def _alike(thumbnails: FloatArray, start: int, same: float) -> npt.NDArray[np.int64]:
    cosines = thumbnails[start : start + BLOCK] @ thumbnails.T
    rows, columns = np.nonzero(cosines > same)
    return np.stack([rows + start, columns])
