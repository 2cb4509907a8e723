"""What a model gets wrong: which class for which, and the pictures it is worst at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from deploy.report.answers import Answers, worst
from deploy.report.blocks import (
    Block,
    Figure,
    Fold,
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
from deploy.report.file_names import shown_path

TOLD = 3  # labels that are shown for a picture


def confusion_section(models: Sequence[Answers]) -> Section:
    """The matrix of each model, and what it confuses most often; the first one in full view."""
    first, *others = models
    folds = (Fold(f"The same of {other.title}", _confused(other)) for other in others)
    blocks = (*_confused(first), *folds)
    return Section("confusion", "What is taken for what", blocks)


def _confused(model: Answers) -> tuple[Block, ...]:
    drawing = draw_confusion(confusion_matrix(model), model.labels)
    caption = (
        f"{model.title}, {counted(len(model), 'picture')}. The shade is the part of a true class "
        "that was given this label: right on the diagonal, wrong beside it"
    )
    caption += "; numbers are pictures." if len(model.labels) <= MOST_WITH_COUNTS else "."
    return (Figure((drawing,), caption, fits=False), _frequent(model))


def _frequent(model: Answers) -> Block:
    found = most_frequent(model)
    if not found:
        return Note("No picture was given a wrong label.")
    rows = tuple(
        (pair.truth, pair.said, f"{pair.count} of {pair.of}", percent(pair.count / pair.of))
        for pair in found
    )
    columns = ("<True class", "<Was called", "Pictures", "Part of the class")
    return Table("The most frequent confusions.", columns, rows)


def worst_section(
    models: Sequence[Answers], thumbnail: Callable[[Path], str], root: Path | None, most: int = 20
) -> Section:
    """The pictures with the highest loss on their true label; of the first model in full view.

    Args:
        thumbnail: a picture's data URI, or nothing where it is gone.
        root: file names are shown relative to this folder; None shows them whole.
    """
    galleries = []
    for model in models:
        photographs = (_photograph(model, i, thumbnail, root) for i in worst(model, most))
        galleries.append(Gallery(tuple(photographs)))
    folds = (
        Fold(f"The same of {model.title}", (gallery,))
        for model, gallery in zip(models[1:], galleries[1:], strict=True)
    )
    note = (
        f"The {counted(len(galleries[0].photographs), 'picture')} with the highest loss on the "
        f"true label ({models[0].title}), worst first: the true class, what was said with its "
        "confidence, and the file. Look here for wrong labels, and for pictures that show no stone."
    )
    return Section("worst", "The worst pictures", (Note(note), galleries[0], *folds))


def _photograph(
    model: Answers, index: int, thumbnail: Callable[[Path], str], root: Path | None
) -> Photograph:
    confidences, truth = model.shown[index], int(model.targets[index])
    told = [int(number) for number in np.argsort(-confidences, kind="stable")[:TOLD]]
    told += [] if truth in told else [truth]
    path = model.paths[index]
    return Photograph(
        source=thumbnail(path),
        truth=model.labels[truth],
        file=shown_path(path, root),
        said=tuple((model.labels[i], percent(float(confidences[i]))) for i in told),
    )
