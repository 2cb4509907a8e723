"""`outcome.json`: how a run ended. It is the last file of a run: with it, the run is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.errors import SettingsError
from deploy.files import read_json, write_json
from deploy.settings import from_mapping
from train.data.prepare import Prepared
from train.loop.choose import chosen_epoch
from train.loop.history import EpochResult
from train.reproduce.enlarge import source_digest
from train.run.folder import OUTCOME
from train.settings import TrainSettings


@dataclass(frozen=True)
class Outcome:
    """How a run ended. Epochs are numbered from 0, as in `history.json`.

    chosen_epoch: whose weights are `best.pt`; None where not one epoch was finished.
    best_by: the rule that chose it (`train.loop.choose`).
    diverged_in_epoch: in which the loss was no longer a number, and training ended; None where
        it went on to the end. The history ends before that epoch.
    with_copy_in_training: validation pictures that show a photograph which also taught, as
        another copy; None where photographs were split, and there are no copies.
    """

    preset: str
    epochs_wanted: int
    epochs_done: int
    chosen_epoch: int | None
    best_by: str
    validation_top1: float | None
    diverged_in_epoch: int | None
    validation_pictures: int
    with_copy_in_training: int | None


def outcome_of(
    settings: TrainSettings, history: Sequence[EpochResult], data: Prepared, *, diverged: bool
) -> Outcome:
    """Sum up a run that has ended."""
    done = len(history)
    chosen = chosen_epoch(history, settings.best_by) if history else None
    return Outcome(
        preset=settings.preset,
        epochs_wanted=settings.epochs,
        epochs_done=done,
        chosen_epoch=chosen,
        best_by=settings.best_by,
        validation_top1=None if chosen is None else history[chosen].validation_top1,
        diverged_in_epoch=done if diverged else None,
        validation_pictures=len(data.validation.pictures),
        with_copy_in_training=_copies(data) if settings.enlarge else None,
    )


def _copies(data: Prepared) -> int:
    taught = {source_digest(picture.path) for picture in data.training.pictures}
    return sum(source_digest(picture.path) in taught for picture in data.validation.pictures)


def write_outcome(run: Path, outcome: Outcome) -> None:
    """Write RUN/outcome.json.

    Raises:
        StorageError: no space, or no permission.
    """
    write_json(run / OUTCOME, asdict(outcome))


def read_outcome(run: Path) -> Outcome | None:
    """How a run ended; None for one that has not.

    Raises:
        SettingsError: the file is not what `write_outcome` wrote.
    """
    path = run / OUTCOME
    if not path.exists():
        return None
    said = read_json(path, SettingsError, "Remove it to train again.")
    return from_mapping(Outcome, said, where=str(path))
