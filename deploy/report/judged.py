"""Which pictures of an evaluation its report is about: those that say most of new stones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.evaluation.evaluate import TITLES, Evaluation
from deploy.evaluation.reading import CONFIDENCE, TRAINING, VALIDATION
from deploy.evaluation.scores import Scored
from deploy.report.answers import Answers
from deploy.report.blocks import counted

UNSEEN = "The numbers are of {n} that neither taught nor validated the model."
NOT_KNOWN = "The numbers are of {n}, of none of which the bundle knows that it taught the model."
CHOSE = (
    "The numbers are of {n} that validated the model while it learned, which may flatter a little. "
    "None of the pictures given is wholly unseen."
)
TAUGHT = (
    "The numbers are of {n} that taught the model, and say nothing of new stones: evaluate on "
    "pictures that it has not seen."
)


@dataclass(frozen=True)
class Judged:
    """What a report's numbers are of.

    sentence: says which pictures these are.
    models: the answers of each model, all of the same pictures; none where no class is known.
    unseen: whether the pictures neither taught nor validated the model.
    chose: how many of them chose the bundle's thresholds.
    warn: whether the numbers are no promise.
    """

    sentence: str
    models: tuple[Answers, ...]
    unseen: bool = True
    warn: bool = False
    chose: int = 0


def judge(evaluations: Sequence[Evaluation], temperature: float) -> Judged:
    """Take unseen pictures; else those of the validation side; else those that taught.

    Args:
        evaluations: of the same pictures.
        temperature: the bundle's.
    """
    known = _in_all(evaluations)
    sides = (
        [p for p in known if not {TRAINING, VALIDATION} & set(p.uses)],
        [p for p in known if VALIDATION in p.uses and TRAINING not in p.uses],
        [p for p in known if TRAINING in p.uses],
    )
    for side, text in zip(sides, (UNSEEN, CHOSE, TAUGHT), strict=True):
        if side:
            said = NOT_KNOWN if len(side) == len(known) and text == UNSEEN else text
            models = tuple(
                _answers(each, {p.path for p in side}, temperature) for each in evaluations
            )
            sentence = said.format(n=counted(len(side), "picture"))
            chose = sum(CONFIDENCE in p.uses for p in side) or len(side) * (text == CHOSE)
            return Judged(sentence, models, text == UNSEEN, text == TAUGHT, chose)
    return Judged("No picture is of a class that the bundle knows.", (), warn=True)


def title(evaluation: Evaluation) -> str:
    """The precision as a reader knows it."""
    return TITLES.get(evaluation.precision, evaluation.precision)


def _in_all(evaluations: Sequence[Evaluation]) -> list[Scored]:
    """A file may go away between two evaluations."""
    shared = set.intersection(*({p.path for p in each.pictures} for each in evaluations))
    return [p for p in evaluations[0].known if p.path in shared]


def _answers(evaluation: Evaluation, chosen: set[str], temperature: float) -> Answers:
    numbers = [i for i, p in enumerate(evaluation.pictures) if p.path in chosen]
    pictures = [evaluation.pictures[number] for number in numbers]
    return Answers(
        title(evaluation),
        evaluation.labels,
        evaluation.logits[numbers],
        np.array([evaluation.labels.index(p.label) for p in pictures], np.int64),
        tuple(Path(p.path) for p in pictures),
        temperature,
    )
