"""What a model gets wrong: which class for which, and the pictures it is worst at."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deploy.report.answers import Answers, worst
from deploy.report.blocks import (
    Block,
    Figure,
    Gallery,
    Note,
    Photograph,
    Section,
    Table,
    counted,
    percent,
)
from deploy.report.confusion import confusion_matrix, most_frequent
from deploy.report.draw_confusion import MOST_WITH_COUNTS, draw_confusion

TOLD = 3  # labels that are shown for a picture


def confusion_section(models: list[Answers]) -> Section:
    """The matrix of the first model, and for each model what it confuses most often."""
    first = models[0]
    blocks: list[Block] = [
        Figure(
            draw_confusion(confusion_matrix(first), first.labels),
            f"{first.title}, {counted(len(first), 'picture')}. The shade is the part of a true "
            "class that was given this label: right on the diagonal, wrong beside it"
            + ("; numbers are pictures." if len(first.labels) <= MOST_WITH_COUNTS else "."),
            fits=False,
        )
    ]
    blocks += [_frequent(model, len(models) > 1) for model in models]
    return Section("confusion", "What is taken for what", tuple(blocks))


def _frequent(model: Answers, several: bool) -> Block:
    found = most_frequent(model)
    whose = f"{model.title}: " if several else ""
    if not found:
        return Note(f"{whose}no picture was given a wrong label.")
    rows = tuple(
        (pair.truth, pair.said, f"{pair.count} of {pair.of}", percent(pair.count / pair.of))
        for pair in found
    )
    columns = ("<True class", "<Was called", "Pictures", "Part of the class")
    return Table(f"{whose}The most frequent confusions.", columns, rows)


def worst_section(
    models: list[Answers], thumbnail: Callable[[Path], str], root: Path | None, most: int = 20
) -> Section:
    """The pictures with the highest loss on their true label.

    Args:
        thumbnail: a picture's data URI, or nothing where it is gone.
        root: file names are shown relative to this folder; None shows them whole.
    """
    blocks: list[Block] = []
    for model in models:
        chosen = worst(model, most)
        whose = f"{model.title}: the" if len(models) > 1 else "The"
        blocks.append(
            Note(
                f"{whose} {counted(len(chosen), 'picture')} with the highest loss on the true "
                "label, worst first: the true class, what was said with its confidence, and the "
                "file. Look here for wrong labels, and for pictures that show no stone."
            )
        )
        photos = (_photograph(model, index, thumbnail, root) for index in chosen)
        blocks.append(Gallery(tuple(photos)))
    return Section("worst", "The worst pictures", tuple(blocks))


def _photograph(
    model: Answers, index: int, thumbnail: Callable[[Path], str], root: Path | None
) -> Photograph:
    confidences, truth = model.confidences[index], int(model.targets[index])
    told = [int(number) for number in np.argsort(-confidences, kind="stable")[:TOLD]]
    told += [] if truth in told else [truth]
    path = model.paths[index]
    return Photograph(
        source=thumbnail(path),
        truth=model.labels[truth],
        file=shown_path(path, root),
        said=tuple((model.labels[i], percent(float(confidences[i]))) for i in told),
    )


def shown_path(path: Path, root: Path | None) -> str:
    """A file's name below `root`, or whole where it lies elsewhere."""
    inside = root is not None and path.is_relative_to(root)
    return os.fspath(path.relative_to(root) if root is not None and inside else path)
