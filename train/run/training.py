"""One run from its record to its outcome: read the pictures, train, and write what came of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from deploy.errors import BackendError, DataError, GemscanError, SettingsError
from deploy.folders import find_labelled
from deploy.preprocess import Framing
from deploy.progress import reading
from train.checkpoint import load_checkpoint
from train.data.prepare import Prepared, prepare, some_planes
from train.data.split import KnownSides, read_sides
from train.from_bundle import regain_norms
from train.loop.hold import AUTO, holds
from train.loop.progress import TrainProgress
from train.loop.team import ALONE, Team
from train.loop.trainer import DivergedError, Trainer
from train.model import build_model
from train.presets import REFERENCE
from train.reproduce.enlarge import enlarge, source_digest
from train.run.environment import note_environment
from train.run.folder import ENLARGED, SPLIT, STATE, RunRecord, open_new
from train.run.origins import find_origins
from train.run.outcome import Outcome, outcome_of, write_outcome
from train.settings import TrainSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Machine:
    """What a run is trained on; none of it changes what is learned.

    hold: "auto", "device" or "stream" (`train.loop.hold`).
    readers: processes that read pictures which are not held; None chooses.
    """

    device: torch.device
    hold: str = AUTO
    readers: int | None = None
    team: Team = ALONE


def train_run(run: Path, record: RunRecord, machine: Machine, *, resume: bool) -> Outcome:
    """Train until the run is done.

    Args:
        run: its folder; a new one is opened here, once the pictures are read.
        resume: go on after the last save.

    Raises:
        BackendError: the GPU's memory is full.
        DivergedError: the loss is no longer a number; with the reference preset that is no error
            but the outcome.
        GemscanError: pictures, weights or the folder cannot serve.
    """
    team = machine.team
    _check_divisible(record.settings.batch, team.world)
    data = _prepare(run, record, machine, resume)
    with _memory_errors():
        trainer = _trainer(run, record, data, machine, resume)
    if team.leads:  # of a resumed run too: its pictures may have moved
        open_new(run, replace(record, classes=data.labels), data.record())
    if team.leads:
        note_environment(run, machine.device)
    diverged = _fit(run, record, trainer, team)
    outcome = outcome_of(record.settings, trainer.history, data, diverged=diverged)
    if team.leads:
        write_outcome(run, outcome)
        _write_report(run, machine.device)
    return outcome


def _write_report(run: Path, device: torch.device) -> None:
    """The run is whole by now, and nothing that goes wrong with its page may say otherwise."""
    try:
        from train.report.report import write_report

        print(f"report: {write_report(run, device.type)}")
    except Exception as exc:
        known = isinstance(exc, GemscanError)
        logger.warning(
            "the run is whole, but its report cannot be written: %s", exc, exc_info=not known
        )


def _check_divisible(batch: int, processes: int) -> None:
    """Equal parts only: the mean over processes is then the mean over the batch."""
    if batch % processes:
        raise SettingsError(
            f"batch {batch} cannot be divided by {processes} processes. "
            f"Give --batch a multiple of {processes}."
        )


def _fit(run: Path, record: RunRecord, trainer: Trainer, team: Team) -> bool:
    """Train; True where the reference preset lost its way, as it may."""
    epochs, done = record.settings.epochs, len(trainer.history)
    shown = TrainProgress(epochs, trainer.pictures_per_epoch, done=done, shown=team.leads)
    try:
        with shown as bar, _memory_errors():
            trainer.fit(run, bar)
    except KeyboardInterrupt:
        # Nothing is saved here: in the middle of an epoch the weights are ahead of the history,
        # and a resumed run would not be the run that was stopped.
        logger.warning("stopped; go on after the last save by adding --resume")
        raise
    except DivergedError as exc:
        if record.settings.preset != REFERENCE.preset:
            raise
        logger.warning("%s That is this preset's outcome.", str(exc).partition(":")[0] + ".")
        return True
    return False


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Say what helps where the GPU's memory is full."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as exc:
        raise BackendError(
            "the GPU has too little memory for this run. Give --hold stream, or a smaller --batch "
            "or --size in a new run."
        ) from exc


def _prepare(run: Path, record: RunRecord, machine: Machine, resume: bool) -> Prepared:
    settings, team = record.settings, machine.team

    def hold(count: int) -> bool:
        return holds(count, settings, machine.hold, machine.device, team.local_world)

    pictures = team.from_lead(lambda: _pictures(run, record, resume))
    sides = team.from_lead(lambda: _sides(run, record, resume))
    data = prepare(
        pictures,
        settings,
        classes=record.classes or None,
        extra=Path(record.extra) if record.extra else None,
        sides=sides,
        hold=hold,
        progress=reading if team.leads else iter,
    )
    team.check_same("pictures", (data.training.digests, data.validation.digests))
    if resume and sides is not None:
        _check_as_begun("training", sides.training, data.training.digests)
        _check_as_begun("validation", sides.validation, data.validation.digests)
    return data


def _check_as_begun(side: str, begun: frozenset[str], digests: Sequence[str]) -> None:
    """A curve is of one set of pictures, on both sides, saved state or not."""
    now = set(digests)
    if now != begun:
        raise DataError(
            "the pictures are not those that the run was started with: of its "
            f"{len(begun)} {side} pictures {len(begun - now)} are missing, and "
            f"{len(now - begun)} are new. Put them back, or start a new run."
        )


def _sides(run: Path, record: RunRecord, resume: bool) -> KnownSides | None:
    split = run / SPLIT if resume else record.split
    return read_sides(Path(split)) if split else None


def _pictures(run: Path, record: RunRecord, resume: bool) -> Path:
    """The folder that is split: the photographs, or the pictures that are made of them."""
    settings, folder = record.settings, (run / ENLARGED).resolve()
    if not settings.enlarge:
        return Path(record.data)
    if not (resume and folder.is_dir()):
        enlarge(
            find_labelled(Path(record.data), record.classes or None),
            folder,
            size_px=settings.size_px,
            each=settings.enlarge,
            seed=settings.seed,
            framing=Framing(),
            progress=reading,
        )
    return folder


def _trainer(
    run: Path, record: RunRecord, data: Prepared, machine: Machine, resume: bool
) -> Trainer:
    settings, team = record.settings, machine.team
    state = team.from_lead(lambda: _saved_state(run, resume))
    origins = find_origins(settings, resumed=state is not None)
    origins.warn_of_leaks(data)
    torch.manual_seed(settings.seed)  # of the new head, or of the whole network
    model = build_model(len(data.labels), norm=team.norm(machine.device))
    origins.start.load_into(model, data.labels)
    if origins.start.folded:
        regain_norms(model, some_planes(data.training, settings.size_px, data.framing))
    trainer = Trainer(
        model,
        data,
        settings,
        machine.device,
        taught=origins.taught | _photographs(settings, data),
        teachers=origins.together(data, settings.teacher_share, machine.device),
        team=team,
        readers=machine.readers,
    )
    if state is not None:
        trainer.restore(state)
    return trainer


def _photographs(settings: TrainSettings, data: Prepared) -> set[str]:
    """What taught are photographs, whatever files show them enlarged."""
    if not settings.enlarge:
        return set()
    return {source_digest(picture.path) for picture in data.training.pictures}


def _saved_state(run: Path, resume: bool) -> dict[str, Any] | None:
    """None for a new run, and for one that was stopped before its first save."""
    path = run / STATE
    return load_checkpoint(path) if resume and path.exists() else None
