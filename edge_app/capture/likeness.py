"""Pictures that were kept before, by a small copy of each: is this one nearly the same?"""

from __future__ import annotations

from threading import Lock

import cv2
import numpy as np
import numpy.typing as npt

from deploy.arrays import ByteArray

CELLS = 32  # of a small copy, across and down
_COARSE = 8

# Grey levels. Two pictures are nearly the same when no cell of their small copies differs by more,
# in any colour. Measured: a sensor's noise moves a cell by 1 level, a JPEG of quality 60 by 3, of
# quality 40 by up to 10. Of 4,006 photographs of cut stones 138 have another within 14 levels: the
# same photograph again (10 of them in two classes; a cosine of 0.999 and more in
# `train/data/duplicates.py`). The first different stones, pale rose quartz on a pale ground, are 15
# apart. A drawn stone of a third of the picture's height is new after 10 degrees of turn, or when
# it was moved by 1 % of the width; one of another kind in the same place differs by more than 90.
SAME = 14

Signature = npt.NDArray[np.uint8]


def signature(image_bgr: ByteArray) -> Signature:
    """(32, 32, 3) uint8, BGR: the whole picture, small and a little blurred.

    Args:
        image_bgr: (H, W, 3) uint8, BGR, any size.
    """
    small = cv2.resize(image_bgr, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (3, 3), 0), np.uint8)


class KeptPictures:
    """The signatures of pictures, with the class of each. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next = 0
        self._known: list[tuple[int, str]] = []  # number and class of each row
        self._whole = np.empty((64, CELLS, CELLS, 3), np.uint8)
        self._coarse = np.empty((64, _COARSE, _COARSE, 3), np.uint8)

    def __len__(self) -> int:
        return len(self._known)

    def add(self, seen: Signature, label: str) -> int:
        """Remember a picture; gives a number, by which it can be removed."""
        with self._lock:
            row = len(self._known)
            if row == len(self._whole):
                self._whole = np.concatenate([self._whole, np.empty_like(self._whole)])
                self._coarse = np.concatenate([self._coarse, np.empty_like(self._coarse)])
            self._whole[row], self._coarse[row] = seen, _coarse(seen)
            self._known.append((self._next, label))
            self._next += 1
            return self._known[row][0]

    def remove(self, number: int) -> None:
        """Forget a picture; the last one takes its row."""
        with self._lock:
            row = [known for known, _ in self._known].index(number)
            for rows in (self._whole, self._coarse):
                rows[row] = rows[len(self._known) - 1]
            self._known[row] = self._known[-1]
            self._known.pop()

    def classes_like(self, seen: Signature) -> set[str]:
        """The classes that hold nearly the same picture."""
        with self._lock:
            count = len(self._known)
            # The mean of some cells differs no more than they do, but for its rounding: what this
            # rules out is ruled out, at a sixteenth of the work.
            rows = _within(self._coarse[:count], _coarse(seen), SAME + 1)
            rows = rows[_within(self._whole[rows], seen, SAME)]
            return {self._known[row][1] for row in rows}


def _coarse(seen: Signature) -> Signature:
    small = cv2.resize(seen, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _within(copies: Signature, seen: Signature, levels: int) -> npt.NDArray[np.intp]:
    """The rows of (N, h, w, 3) copies in which no value is further away than that."""
    away = np.maximum(copies, seen) - np.minimum(copies, seen)
    return np.flatnonzero(away.reshape(len(copies), seen.size).max(axis=1, initial=0) <= levels)
