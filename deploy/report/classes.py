"""The accuracy of each class, in the form of the published study and beside its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deploy.evaluation.scores import part, wilson_interval
from deploy.published import (
    STUDY_15,
    STUDY_15_AUGMENTED,
    STUDY_15_MEAN,
    STUDY_15_PHOTOGRAPHS,
    STUDY_68_BEST,
    STUDY_68_GEMMOLOGISTS,
    PublishedClass,
)
from deploy.report.answers import Answers
from deploy.report.blocks import Cell, Note, Section, Span, Table, interval, percent

STUDY = (
    "The study's numbers are not like for like. It turned, shifted and scaled "
    f"{STUDY_15_PHOTOGRAPHS:,} photographs into {STUDY_15_AUGMENTED:,} pictures, and split those: "
    "copies of one photograph stood on both sides, and its counts are of copies. It prints the "
    "captions of its two count columns exchanged; here they are put right."
)
LOWEST, HIGHEST = STUDY_68_GEMMOLOGISTS
PUBLISHED_68 = (
    f"Published for unseen photographs of 68 classes: {STUDY_68_BEST:.1f}\u00a0% for the best of "
    f"231 pairs of features and classifier; three gemmologists named {LOWEST:.1f} to "
    f"{HIGHEST:.1f}\u00a0% of the same pictures (Chow and Reyes-Aldasoro 2022)."
)


@dataclass(frozen=True)
class _Column:
    """A column: its name, its cell for a class, and its cells below."""

    name: str
    cell: Callable[[int], Cell]
    mean: Cell = ""
    total: Cell = ""


def class_section(
    models: Sequence[Answers], training: Mapping[str, int] | None, sides: str
) -> Section:
    """One row a class.

    Args:
        models: of the same pictures in the same order; intervals are of the first one.
        training: how many pictures of each class taught the model; None where that is not known.
        sides: a sentence that says how training and test pictures were kept apart.
    """
    labels = models[0].labels
    beside = any(label in STUDY_15 for label in labels)
    columns = [*_name_columns(labels), *([] if training is None else [_taught(labels, training)])]
    columns += [*_our_columns(models), *(_study_columns(labels) if beside else [])]
    table = Table(
        _caption(models, beside),
        tuple(column.name for column in columns),
        tuple(tuple(column.cell(number) for column in columns) for number in range(len(labels))),
        (tuple(column.mean for column in columns), tuple(column.total for column in columns)),
        named_by=1,
    )
    said = [STUDY] * beside + [PUBLISHED_68] * (len(labels) > len(STUDY_15))
    notes = [Note(text) for text in (sides, *said)]
    return Section("classes", "Class by class", (table, *notes))


def mean_over_classes(model: Answers) -> float:
    """The mean of the classes' accuracies, of those that have pictures."""
    shares = [part(*_hits(model, number)) for number in range(len(model.labels))]
    return float(np.nanmean(shares))


def _hits(model: Answers, number: int) -> tuple[int, int]:
    """How many pictures of a class are right, and how many there are."""
    mine = model.targets == number
    return int(model.right[mine].sum()), int(mine.sum())


def _caption(models: Sequence[Answers], beside: bool) -> str:
    whose = f" of {models[0].title}" if len(models) > 1 else ""
    study = ", beside the study of 15 gems: the upright mark in the drawing" if beside else ""
    return f"Test pictures named right, with the 95 % interval (Wilson){whose}{study}."


def _name_columns(labels: Sequence[str]) -> list[_Column]:
    return [
        _Column("Label", str),
        _Column("<Gem", lambda number: labels[number], "Mean over classes", "All pictures"),
    ]


def _taught(labels: Sequence[str], training: Mapping[str, int]) -> _Column:
    total = f"{sum(training.values()):,}"
    return _Column("Training", lambda i: f"{training.get(labels[i], 0):,}", total=total)


def _our_columns(models: Sequence[Answers]) -> list[_Column]:
    first, *others = models
    everything = int(first.right.sum()), len(first)
    return [
        _Column("Test", lambda i: f"{_hits(first, i)[1]:,}", total=f"{len(first):,}"),
        _accuracy(first, first.title if others else "Accuracy"),
        _Column(
            "95 % interval",
            lambda i: interval(*wilson_interval(*_hits(first, i))),
            total=interval(*wilson_interval(*everything)),
        ),
        _Column(
            "<0 to 100 %",
            lambda i: _span(*_hits(first, i), STUDY_15.get(first.labels[i])),
            total=_span(*everything),
        ),
        *(_accuracy(model, model.title) for model in others),
    ]


def _accuracy(model: Answers, name: str) -> _Column:
    return _Column(
        name,
        lambda i: percent(part(*_hits(model, i))),
        percent(mean_over_classes(model)),
        percent(part(int(model.right.sum()), len(model))),
    )


def _span(hits: int, n: int, study: PublishedClass | None = None) -> Span:
    beside = study.accuracy / 100 if study else None
    return Span(part(hits, n), *wilson_interval(hits, n), beside)


def _study_columns(labels: Sequence[str]) -> list[_Column]:
    def told(say: Callable[[PublishedClass], str]) -> Callable[[int], str]:
        return lambda i: say(STUDY_15[labels[i]]) if labels[i] in STUDY_15 else ""

    mean = f"{STUDY_15_MEAN:.2f}\u00a0%" if set(labels) == set(STUDY_15) else ""
    return [
        _Column("Study: training", told(lambda row: str(row.training))),
        _Column("Study: test", told(lambda row: str(row.test))),
        _Column("Study: accuracy", told(lambda row: f"{row.accuracy:.2f}\u00a0%"), mean),
    ]
