"""What `gemscan train` does: a run is started, or resumed, from the command's flags."""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import GemscanError, SettingsError
from deploy.folders import read_class_list
from train.run_folder import BEST, SPLIT, STATE, RunRecord, check_new, open_new, read_record
from train.settings import TrainSettings

if TYPE_CHECKING:
    import torch

    from train.loop import Trainer
    from train.prepare import Prepared

logger = logging.getLogger(__name__)


def start_or_resume(args: argparse.Namespace) -> int:
    """Prepare, train, and say where the weights are."""
    record = _resumed(args) if args.resume else _fresh(args)
    if not args.resume:
        check_new(args.out)

    from train.environment import note_environment
    from train.model import choose_device
    from train.progress import TrainProgress

    device = choose_device(args.device)
    data = _prepare(record, args.out / SPLIT if args.resume else args.split)
    trainer = _trainer(record.settings, data, device, _saved_state(args))
    if not args.resume:
        open_new(args.out, replace(record, classes=data.labels), data.record())
    note_environment(args.out, device)
    done = len(trainer.history)
    try:
        with TrainProgress(record.settings.epochs, trainer.pictures_per_epoch, done=done) as bar:
            trainer.fit(args.out, bar)
    except KeyboardInterrupt:
        # Nothing is saved here: in the middle of an epoch the weights are ahead of the history,
        # and a resumed run would not be the run that was stopped.
        logger.warning("stopped; go on after the last save by adding --resume")
        raise
    _print_result(args.out, trainer, len(data.validation.targets))
    _write_report(args.out, args.device)
    return 0


def _write_report(run: Path, device: str) -> None:
    """The run is whole by now, and nothing that goes wrong with its page may say otherwise."""
    try:
        from train.report import write_report

        print(f"report: {write_report(run, device)}")
    except Exception as exc:
        known = isinstance(exc, GemscanError)
        logger.warning(
            "the run is whole, but its report cannot be written: %s", exc, exc_info=not known
        )


def _print_result(run: Path, trainer: Trainer, validated: int) -> None:
    best = min(trainer.history, key=lambda row: row.validation_loss)
    print(
        f"{run / BEST}: top-1 {best.validation_top1:.1%} on {validated} "
        f"validation pictures (epoch {best.epoch + 1}, the one with the lowest loss). "
        f"Next: gemscan export {run} BUNDLE"
    )


def _fresh(args: argparse.Namespace) -> RunRecord:
    try:
        settings = TrainSettings(**_given_settings(args))
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc
    return RunRecord(
        settings,
        _absolute(args.data),
        extra=_absolute(args.extra) if args.extra else None,
        split=_absolute(args.split) if args.split else None,
        classes=read_class_list(args.classes) if args.classes else (),
    )


def _resumed(args: argparse.Namespace) -> RunRecord:
    """The run's own record; folders may have moved, what is learned may not have changed."""
    record = read_record(args.out)
    for name, value in _given_settings(args).items():
        _check_same(args.out, name, getattr(record.settings, name), value)
    if args.classes:
        _check_same(args.out, "classes", record.classes, read_class_list(args.classes))
    extra = _absolute(args.extra) if args.extra else record.extra
    return replace(record, data=_absolute(args.data), extra=extra)


def _given_settings(args: argparse.Namespace) -> dict[str, Any]:
    return {
        name: getattr(args, name)
        for name in TrainSettings.__dataclass_fields__
        if getattr(args, name, None) is not None
    }


def _check_same(run: Path, name: str, started_with: object, given: object) -> None:
    if started_with != given:
        raise SettingsError(
            f"{run} was started with {name} {started_with}, not {given}. "
            "Leave the flag out, or start a new run."
        )


def _absolute(path: Path) -> str:
    """The pictures are looked up again by later commands, which may run in another folder."""
    return str(path.resolve())


def _prepare(record: RunRecord, split: Path | None) -> Prepared:
    from train.prepare import prepare
    from train.progress import reading
    from train.split import read_sides

    return prepare(
        Path(record.data),
        record.settings,
        classes=record.classes or None,
        extra=Path(record.extra) if record.extra else None,
        sides=read_sides(split) if split else None,
        progress=reading,
    )


def _saved_state(args: argparse.Namespace) -> dict[str, Any] | None:
    """None for a new run, and for one that was stopped before its first save."""
    from train.checkpoint import load_checkpoint

    path = args.out / STATE
    return load_checkpoint(path) if args.resume and path.exists() else None


def _trainer(
    settings: TrainSettings, data: Prepared, device: torch.device, state: dict[str, Any] | None
) -> Trainer:
    import torch

    from train.loop import Trainer
    from train.model import build_model

    torch.manual_seed(settings.seed)  # of the new head, or of the whole network
    if state is not None:
        trainer = Trainer(build_model(len(data.labels)), data, settings, device)
        trainer.restore(state)
        return trainer
    taught = _taught_by(settings.weights)
    _warn_of_leak(settings.weights, taught, data)
    model = build_model(len(data.labels), settings.weights)
    return Trainer(model, data, settings, device, taught=taught)


def _taught_by(weights: str) -> frozenset[str]:
    """Digests of the pictures that taught weights of this project."""
    if weights in ("none", "imagenet"):
        return frozenset()
    from train.checkpoint import load_weights

    return frozenset(load_weights(Path(weights)).get("training", ()))


def _warn_of_leak(weights: str, taught: frozenset[str], data: Prepared) -> None:
    """Weights that learned from pictures that now validate would flatter the result."""
    leaked = taught.intersection(data.validation.digests())
    if leaked:
        logger.warning(
            "%s learned from %d of the %d validation pictures: the accuracy will be flattered",
            weights,
            len(leaked),
            len(data.validation.targets),
        )
