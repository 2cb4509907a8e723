"""What `gemscan reproduce` does: both presets on the same photographs, side by side."""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from deploy.errors import DataError, SettingsError
from deploy.files import read_json, write_json
from deploy.folders import LabelledPicture, find_labelled, read_class_list
from deploy.progress import reading
from deploy.published import STUDY_15, STUDY_15_MEAN
from deploy.settings import from_mapping
from train.loop.team import team_of_environment
from train.model import choose_device
from train.presets import PRESETS, SOUND, choose_settings
from train.reproduce.keep_apart import TAUGHT, UNSEEN, keep_apart
from train.reproduce.score import Scores, mean_accuracy, score
from train.reproduce.table import table
from train.run.folder import BEST, SETTINGS, SPLIT, RunRecord, check_new, sole_trainer
from train.run.outcome import Outcome, read_outcome
from train.run.training import Machine, train_run
from train.settings import IMAGENET, NOTHING, TrainSettings
from train.weights import find_weights

logger = logging.getLogger(__name__)
PLAN, RESULT, PHOTOGRAPHS = "plan.json", "result.json", "photographs"


@dataclass(frozen=True)
class Plan:
    """`plan.json`: what a reproduction was started with.

    changed: settings that both presets take, in place of their own.
    weights: what `sound` starts from; `reference` starts from nothing.
    """

    data: str
    classes: tuple[str, ...]
    changed: dict[str, int]
    weights: str


@dataclass(frozen=True)
class Protocol:
    """What came of one preset. own: on its own test pictures. unseen: on the stones kept apart.

    Both are None where training diverged before its first epoch was done.
    """

    outcome: Outcome
    own: Scores | None
    unseen: Scores | None


def reproduce(args: argparse.Namespace) -> int:
    """Run or go on, write OUT/result.json, and print the table."""
    if not team_of_environment().alone:
        raise SettingsError("gemscan reproduce runs in one process. Start it without torchrun.")
    out: Path = args.out
    machine = Machine(choose_device(args.device), args.hold, args.readers)
    plan = _plan(args)
    if not (out / PHOTOGRAPHS).is_dir():
        seed = plan.changed.get("seed", 0)
        keep_apart(Path(plan.data), out / PHOTOGRAPHS, plan.classes or None, seed, reading)
    _check_weights(plan, out)
    protocols = {preset: _run(preset, out, plan, machine) for preset in PRESETS}
    write_json(out / RESULT, _result(plan, protocols))
    print(table(protocols))
    return 0


def _plan(args: argparse.Namespace) -> Plan:
    """The plan of the flags, which must be that of a reproduction that is gone on with."""
    names = ("size_px", "epochs", "batch", "seed")
    plan = Plan(
        str(args.data.resolve()),
        read_class_list(args.classes) if args.classes else (),
        {name: getattr(args, name) for name in names if getattr(args, name) is not None},
        args.weights,
    )
    for preset in PRESETS:
        choose_settings(preset, None, plan.changed)  # refuse now what would be refused later
    _open(args.out, plan)
    return plan


def _open(out: Path, plan: Plan) -> None:
    """Begin in an empty folder, or see that the one there was begun with the same plan."""
    path = out / PLAN
    if path.exists():
        if _read_plan(path) != plan:
            raise SettingsError(f"{out} was started with other flags. Choose another --out.")
        return
    check_new(out)
    if any(out.iterdir()):
        raise SettingsError(f"{out} already holds files. Give a new folder, or empty this one.")
    find_labelled(Path(plan.data), plan.classes or None)  # a folder that is none begins nothing
    write_json(path, asdict(plan))


def _check_weights(plan: Plan, out: Path) -> None:
    """No stone is unseen by weights that learned from it."""
    if plan.weights in (NOTHING, IMAGENET) or (out / SOUND.preset / SETTINGS).exists():
        return
    taught = find_weights(plan.weights).taught
    unseen = [picture.digest() for picture in find_labelled(out / PHOTOGRAPHS / UNSEEN)]
    if leaked := sum(digest in taught for digest in unseen):
        raise SettingsError(
            f"{plan.weights} learned from {leaked} of the {len(unseen)} photographs that are kept "
            "apart. Give other --weights, and another --out."
        )


def _read_plan(path: Path) -> Plan:
    said = read_json(path, SettingsError, "Choose another --out.")
    return from_mapping(Plan, said, where=str(path))


def _run(preset: str, out: Path, plan: Plan, machine: Machine) -> Protocol:
    """Train by one preset, or go on, or take what is done."""
    run = out / preset
    outcome = read_outcome(run)
    if outcome is None:
        logger.info("preset %s", preset)
        record = RunRecord(_settings(preset, plan), str((out / PHOTOGRAPHS / TAUGHT).resolve()))
        record = replace(record, classes=plan.classes)
        with sole_trainer(run):
            outcome = train_run(run, record, machine, resume=(run / SETTINGS).exists())
    if outcome.chosen_epoch is None:
        return Protocol(outcome, None, None)
    unseen = find_labelled(out / PHOTOGRAPHS / UNSEEN, plan.classes or None)
    own, apart = (score(run / BEST, p, machine.device) for p in (_tested(run), unseen))
    return Protocol(outcome, own, apart)


def _settings(preset: str, plan: Plan) -> TrainSettings:
    starts_from = {"weights": plan.weights} if PRESETS[preset].weights != NOTHING else {}
    return choose_settings(preset, None, plan.changed | starts_from)


def _tested(run: Path) -> list[LabelledPicture]:
    split = read_json(run / SPLIT, DataError, "Choose another --out.")
    return [LabelledPicture(Path(p["path"]), p["label"]) for p in split["validation"]]


def _result(plan: Plan, protocols: dict[str, Protocol]) -> dict[str, Any]:
    return {
        "plan": asdict(plan),
        "protocols": {
            preset: asdict(each) | {"own_mean": _mean(each.own), "unseen_mean": _mean(each.unseen)}
            for preset, each in protocols.items()
        },
        "published": {
            "mean": STUDY_15_MEAN / 100,
            "classes": {name: row.accuracy / 100 for name, row in STUDY_15.items()},
        },
    }


def _mean(scores: Scores | None) -> float | None:
    return None if scores is None else mean_accuracy(scores)
