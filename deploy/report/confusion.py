"""Which class is taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deploy.report.answers import Answers, IntArray


@dataclass(frozen=True)
class Confusion:
    """`count` of the `of` pictures of class `truth` were called `said`."""

    truth: str
    said: str
    count: int
    of: int


def confusion_matrix(answers: Answers) -> IntArray:
    """(C, C) counts: rows are true classes, columns predicted ones."""
    classes = len(answers.labels)
    cells = answers.targets * classes + answers.predicted
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def most_frequent(answers: Answers, most: int = 20) -> list[Confusion]:
    """The pairs that are confused most often; of equals, the larger part of its class first."""
    matrix = confusion_matrix(answers)
    found = []
    for row, column in zip(*np.nonzero(matrix), strict=True):
        if row != column:
            names = answers.labels[row], answers.labels[column]
            found.append(Confusion(*names, int(matrix[row, column]), int(matrix[row].sum())))
    return sorted(found, key=lambda pair: (-pair.count, pair.of))[:most]
