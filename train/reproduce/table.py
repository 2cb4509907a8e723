"""The table of `gemscan reproduce`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deploy.published import STUDY_15, STUDY_15_MEAN
from train.reproduce.score import Scores, mean_accuracy

if TYPE_CHECKING:
    from train.reproduce.reproduce import Protocol

NOTHING = "-"
NAME = 24  # characters of the first column
STUDY_TESTED = sum(row.test for row in STUDY_15.values())


def table(protocols: Mapping[str, Protocol]) -> str:
    """Accuracy per class in per cent, and what happened to each protocol.

    One column for the published result and two for each protocol: its own test pictures, and
    stones that it never saw.
    """
    columns = [scores for each in protocols.values() for scores in (each.own, each.unseen)]
    labels = list(next((scores for scores in columns if scores), {}))
    groups = "".join(f"{name:>20}" for name in protocols)
    rows = [
        f"{'':<{NAME}}{'published':>10}{groups}",
        _row("accuracy in %", ["own test", *["own test", "unseen"] * len(protocols)]),
        *(_class_row(label, columns) for label in labels),
        _row("mean of classes", [f"{STUDY_15_MEAN:.1f}", *map(_mean, columns)]),
        _row("pictures", [str(STUDY_TESTED), *map(_pictures, columns)]),
    ]
    return "\n".join([*rows, "", *(_story(name, each) for name, each in protocols.items())])


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<{NAME}}" + "".join(f"{cell:>10}" for cell in cells)


def _class_row(label: str, columns: Sequence[Scores | None]) -> str:
    known = STUDY_15.get(label)
    published = f"{known.accuracy:.1f}" if known else NOTHING
    return _row(label, [published, *(_accuracy(scores, label) for scores in columns)])


def _accuracy(scores: Scores | None, label: str) -> str:
    if scores is None or not scores[label].count:
        return NOTHING
    return f"{100 * scores[label].right / scores[label].count:.1f}"


def _mean(scores: Scores | None) -> str:
    return f"{100 * mean_accuracy(scores):.1f}" if scores else NOTHING


def _pictures(scores: Scores | None) -> str:
    return str(sum(each.count for each in scores.values())) if scores else NOTHING


def _story(name: str, protocol: Protocol) -> str:
    outcome = protocol.outcome
    words = [f"{outcome.epochs_done} of {outcome.epochs_wanted} epochs"]
    if outcome.diverged_in_epoch is not None:
        words.append(f"diverged in epoch {outcome.diverged_in_epoch + 1}")
    if outcome.chosen_epoch is not None:
        words.append(f"weights of epoch {outcome.chosen_epoch + 1}")
    if outcome.with_copy_in_training is None:
        words.append("no photograph stands on both sides")
    else:
        words.append(
            f"{outcome.with_copy_in_training} of {outcome.validation_pictures} test pictures show "
            "a photograph that also taught, as another copy"
        )
    return f"{name}: {'; '.join(words)}."
