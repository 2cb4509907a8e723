"""What `gemscan train` does: a run is started, or resumed, from the command's flags."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.bundle import load_bundle
from deploy.errors import SettingsError
from deploy.folders import read_class_list
from train.presets import choose_settings
from train.run.folder import BEST, RunRecord, check_new, read_record, sole_trainer
from train.settings import IMAGENET, LARGEST_PX, NOTHING, TrainSettings

if TYPE_CHECKING:
    from train.run.outcome import Outcome


def start_or_resume(args: argparse.Namespace) -> int:
    """Prepare, train, and say where the weights are."""
    from train.loop.team import joined_team
    from train.model import choose_device
    from train.run.training import Machine, train_run

    with joined_team(choose_device(args.device)) as (team, device), ExitStack() as held:
        record = team.from_lead(lambda: _begun(args, held))
        machine = Machine(device, args.hold, args.readers, team)
        outcome = train_run(args.out, record, machine, resume=args.resume)
        if team.leads:
            print(describe(args.out, outcome))
    return 0


def describe(run: Path, outcome: Outcome) -> str:
    """One sentence on how a run ended, and what to do next."""
    end = ""
    if outcome.diverged_in_epoch is not None:
        end = f"diverged in epoch {outcome.diverged_in_epoch + 1} of {outcome.epochs_wanted}; "
    if outcome.chosen_epoch is None:
        return f"{run}: {end}no weights were learned."
    return (
        f"{run / BEST}: {end}top-1 {outcome.validation_top1:.1%} on {outcome.validation_pictures} "
        f"validation pictures (epoch {outcome.chosen_epoch + 1}, {_rule(outcome.best_by)}). "
        f"Next: gemscan export {run} BUNDLE"
    )


def _rule(best_by: str) -> str:
    return f"the one with the {best_by.replace('-', ' ')}"


def _begun(args: argparse.Namespace, held: ExitStack) -> RunRecord:
    """The record of the run; from now on its folder is held."""
    record = _resumed(args) if args.resume else wanted_record(args)
    held.enter_context(sole_trainer(args.out))
    if not args.resume:
        check_new(args.out)
    return record


def wanted_record(args: argparse.Namespace) -> RunRecord:
    """The record of a new run that the command asks for.

    Raises:
        SettingsError: settings or the list of classes cannot be read, or cannot serve.
    """
    return RunRecord(
        _chosen_settings(args),
        _absolute(args.data),
        extra=_absolute(args.extra) if args.extra else None,
        split=_absolute(args.split) if args.split else None,
        classes=read_class_list(args.classes) if args.classes else (),
    )


def _resumed(args: argparse.Namespace) -> RunRecord:
    """The run's own record; folders may have moved, what is learned may not have changed."""
    begun = read_record(args.out)
    record = replace(begun, settings=placed(begun.settings))
    for name, value in _wanted_settings(args).items():
        _check_same(args.out, name, getattr(record.settings, name), value)
    if args.classes:
        _check_same(args.out, "classes", record.classes, read_class_list(args.classes))
    extra = _absolute(args.extra) if args.extra else record.extra
    return replace(record, data=_absolute(args.data), extra=extra)


def _wanted_settings(args: argparse.Namespace) -> dict[str, Any]:
    """What the command says of a resumed run: everything with a preset or a file, else flags."""
    if args.preset is None and args.config is None:
        return _given_settings(args)
    chosen = _chosen_settings(args)
    return {name: getattr(chosen, name) for name in TrainSettings.__dataclass_fields__}


def _chosen_settings(args: argparse.Namespace) -> TrainSettings:
    """What a new run is to have; pictures are shown as large as a teacher takes them."""
    chosen = placed(choose_settings(args.preset, args.config, _given_settings(args)))
    if not chosen.teachers:
        return chosen
    sizes = [load_bundle(Path(teacher)).manifest.input.size_px for teacher in chosen.teachers]
    largest = max(chosen.augmented_px, *sizes)
    return replace(chosen, shown_px=min(largest, LARGEST_PX))


def _given_settings(args: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(args, name, None) for name in TrainSettings.__dataclass_fields__}
    if given["weights"] is not None:
        given["weights"] = _place(given["weights"])
    if given["teachers"] is not None:
        given["teachers"] = tuple(map(_place, given["teachers"]))
    return {name: value for name, value in given.items() if value is not None}


def placed(settings: TrainSettings) -> TrainSettings:
    """The same, with files and bundles where they are found from any folder."""
    teachers = tuple(map(_place, settings.teachers))
    return replace(settings, weights=_place(settings.weights), teachers=teachers)


def _place(source: str) -> str:
    path = Path(source)
    return _absolute(path) if source not in (IMAGENET, NOTHING) and path.exists() else source


def _check_same(run: Path, name: str, started_with: object, given: object) -> None:
    if started_with != given:
        raise SettingsError(
            f"{run} was started with {name} {started_with}, not {given}. "
            "Leave the flag out, or start a new run."
        )


def _absolute(path: Path) -> str:
    """What is named is looked up again by later commands, which may run in another folder."""
    return str(path.resolve())
