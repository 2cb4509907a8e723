"""Which pictures show the same photograph: the reason why a random split flatters a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from deploy.arrays import ByteArray, FloatArray

THUMBNAIL_PX = 16
BLOCK = 1024

# Judged by eye on pairs of 596 gem photographs: above 0.98 nearly every pair is one photograph,
# recompressed, shifted or cut anew; down to 0.97 some are only alike. Grouping too much costs
# nothing but freedom in the split; grouping too little flatters the result.
SAME = 0.97

# Of the search below. More directions prune better and cost more to multiply.
DIRECTIONS = 32
TILE = 512
LEARNED_FROM = 5000  # signatures, for the directions
ROUNDING = 1e-5  # of a cosine in float32
MOST_LINKS = 1_000_000  # held at once: a burst of n pictures has n * n / 2 of them

Indices = npt.NDArray[np.int64]


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


def group_duplicates(thumbnails: FloatArray, same: float = SAME) -> Indices:
    """Number the groups of near-duplicates.

    Turned and mirrored copies are not found: the signature is tied to the picture's axes.

    The result is that of comparing all with all, at a small part of the work. Along a few
    directions each signature keeps some of its length; the rest is one more coordinate. By
    Cauchy and Schwarz the product of two such short rows is never below the true cosine, so what
    it rules out is ruled out. Rows are sorted into tiles of neighbours, and two tiles that lie
    apart in space are not compared at all. Memory grows with N only.

    Args:
        thumbnails: (N, 768) float32, from `thumbnail`.
        same: cosine from which two pictures count as one photograph.

    Returns:
        (N,) group numbers; pictures of one group are linked by a chain of near-duplicates.
    """
    count = len(thumbnails)
    groups: Indices = np.arange(count)
    short = _shorten(thumbnails)
    held: list[Indices] = []
    for tile, other in _tile_pairs(short, same):
        held.append(_alike(thumbnails, short, tile, other, same))
        if sum(len(links) for links in held) > MOST_LINKS:
            groups, held = _merge(groups, held), []
    return _merge(groups, held)


def group_files(digests: Sequence[str]) -> Indices:
    """(N,) group numbers, in the order of the list: equal files have the same one."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(digest, len(first)) for digest in digests], np.int64)


def group_pictures(thumbnails: FloatArray, digests: Sequence[str], same: float = SAME) -> Indices:
    """(N,) group numbers: equal files and near-duplicates have the same one.

    A picture of one colour throughout has no signature, and is not even like itself.

    Args:
        thumbnails: (N, 768) float32, from `thumbnail`.
        digests: of the files.
        same: cosine from which two pictures count as one photograph.
    """
    files = group_files(digests)
    first = np.unique(files, return_index=True)[1]
    return np.take(group_duplicates(thumbnails[first], same), files)


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
    return largest_cosines(thumbnails, others) > same


def largest_cosines(thumbnails: FloatArray, others: FloatArray) -> FloatArray:
    """How alike each picture is to that of `others` which is most like it, all with all.

    Returns:
        (N,) float32 cosines.
    """
    blocks = [thumbnails[start : start + BLOCK] for start in range(0, len(thumbnails), BLOCK)]
    return np.concatenate([(block @ others.T).max(axis=1) for block in blocks])


def _shorten(thumbnails: FloatArray) -> FloatArray:
    """(N, DIRECTIONS + 1): the parts along the directions of most length, and the rest's length."""
    some = thumbnails[:: max(1, len(thumbnails) // LEARNED_FROM)].astype(np.float64)
    directions = np.linalg.eigh(some.T @ some)[1][:, -DIRECTIONS:].astype(np.float32)
    parts = thumbnails @ directions
    rest = _squares(thumbnails) - _squares(parts)
    return np.column_stack([parts, np.sqrt(np.maximum(rest, 0))])


def _squares(rows: FloatArray) -> FloatArray:
    return np.einsum("ij,ij->i", rows, rows)  # type: ignore[no-any-return]


def _tile_pairs(short: FloatArray, same: float) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of tiles that may hold a pair of near-duplicates, each tile with itself first."""
    order = cKDTree(short, leafsize=TILE // 4).indices.astype(np.int64)
    tiles = np.array_split(order, max(1, round(len(order) / TILE)))
    low = np.stack([short[tile].min(axis=0) for tile in tiles])
    high = np.stack([short[tile].max(axis=0) for tile in tiles])
    reach = np.sqrt(2 * (1 - same)) + ROUNDING * 100
    for i, tile in enumerate(tiles):
        gap = np.maximum(0, np.maximum(low[i:] - high[i], low[i] - high[i:]))
        for j in np.flatnonzero((gap**2).sum(axis=1) < reach**2):
            yield tile, tiles[i + j]


def _alike(
    thumbnails: FloatArray, short: FloatArray, tile: Indices, other: Indices, same: float
) -> Indices:
    """(K, 2): the pairs between two tiles whose true cosine is above `same`."""
    found = np.flatnonzero(short[tile] @ short[other].T > same - ROUNDING)
    rows, columns = np.divmod(found, len(other))
    left, right = tile[rows], other[columns]
    if len(found) > len(tile) * 8:  # one product of matrices is faster than so many of rows
        true = (thumbnails[tile] @ thumbnails[other].T).ravel()[found]
    else:
        true = np.einsum("ij,ij->i", thumbnails[left], thumbnails[right])
    near = true > same
    return np.column_stack([left[near], right[near]])


def _merge(groups: Indices, held: list[Indices]) -> Indices:
    """The groups after more links: those that a link joins become one."""
    count = len(groups)
    links = groups[np.concatenate([*held, np.empty((0, 2), np.int64)])]
    graph = coo_array((np.ones(len(links), bool), (links[:, 0], links[:, 1])), (count, count))
    joined = np.asarray(connected_components(graph, directed=False)[1], np.int64)
    return np.take(joined, groups)
