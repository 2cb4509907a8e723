"""What a recipe would get on unseen stones: every picture validates once, in one of several runs.

A run that validates on a ninth of a few hundred pictures leaves an interval of ten points; folds
use every picture. Each fold is an ordinary `gemscan train` in a process of its own, which follows a
split written here; an interrupted one goes on where it was.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import subprocess
import sys
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from deploy.arrays import Json
from deploy.errors import DataError, GemscanError, SettingsError
from deploy.files import read_json, write_json
from deploy.folders import find_labelled
from train.checkpoint import load_weights
from train.data.pictures import look_at
from train.data.recorded import entries
from train.data.scan import Progress, Seen
from train.data.split import read_sides
from train.estimate import ESTIMATE, FoldScore, pool, recipe_of
from train.run.folder import HISTORY, LAST, SETTINGS, SPLIT, STATE, RunRecord, read_record
from train.run.origins import find_origins
from train.run.start import placed, wanted_record
from train.settings import TrainSettings
from train.train_command import add_arguments

logger = logging.getLogger(__name__)

PLAN = "plan.json"
COMMAND = Path(__file__).resolve().parents[1] / "gemscan.py"  # whatever lies in this folder


class FoldError(GemscanError):
    """The training of one fold ended before its time."""


@dataclass(frozen=True)
class Fold:
    """One run of the cross-validation.

    root: its run folder.
    split: the file that says which pictures validate.
    start: the weights that it starts from, where they are its own: of an earlier stage.
    """

    root: Path
    split: Path
    start: Path | None = None

    @property
    def done(self) -> bool:
        """Whether it was trained to its end."""
        return (self.root / LAST).exists()

    @property
    def flags(self) -> list[str]:
        """Those of `gemscan train` that are this fold's own."""
        return ["--weights", str(self.start)] if self.start else []


def plan_folds(
    data: Path,
    out: Path,
    *,
    classes: Sequence[str] | None = None,
    count: int = 5,
    seed: int = 0,
    progress: Progress = iter,
) -> list[Fold]:
    """Write a split file for each fold, or take those that lie there from an earlier start.

    Near-duplicates stand in one fold, and every fold has about the same share of each class.

    Raises:
        SettingsError: what lies in `out` was begun with other folds.
        DataError: no pictures, or a class that cannot stand on both sides of every fold.
        StorageError: `out` cannot be written.
    """
    plan = {"folds": count, "seed": seed, "classes": classes and list(classes)}
    _check_plan(out, plan)
    folds = [Fold(out / f"fold{k}", out / f"fold{k}.json") for k in range(1, count + 1)]
    if all(fold.split.exists() for fold in folds):
        write_json(out / PLAN, plan)  # one of an earlier version has none
        return folds
    seen = look_at(find_labelled(data, classes), progress=progress)
    divided = _divide(seen, count, seed)
    write_json(out / PLAN, plan)
    for fold, validation in zip(folds, divided, strict=True):
        write_json(fold.split, _record(seen, validation))
    return folds


def plan_second_stage(
    earlier: Path, out: Path, *, classes: Sequence[str] | None = None
) -> list[Fold]:
    """Folds like those of an earlier cross-validation, each to start from the weights of its own.

    Raises:
        SettingsError: what lies in `out` was begun with other folds.
        DataError: the earlier one is not finished.
        StorageError: `out` cannot be written.
    """
    before = finished_folds(earlier)
    plan = {"after": str(earlier.resolve()), "classes": classes and list(classes)}
    _check_plan(out, plan)
    write_json(out / PLAN, plan)
    return [Fold(out / fold.root.name, fold.split, fold.root / LAST) for fold in before]


def _check_plan(out: Path, plan: Json) -> None:
    """What lies in `out`, if anything, was begun alike: folds of two plans overlap."""
    path = out / PLAN
    if path.exists() and read_json(path, SettingsError, "Choose another --out.") != plan:
        raise SettingsError(f"{out} was started with other flags. Choose another --out.")


def finished_folds(earlier: Path) -> list[Fold]:
    """The folds of a cross-validation.

    Raises:
        DataError: there is none, or it is not finished.
    """
    roots = sorted(path.parent for path in earlier.glob("fold*/" + SPLIT))
    folds = [Fold(root, root / SPLIT) for root in roots]
    ended = (earlier / ESTIMATE).exists()  # else there may be folds that have not begun
    if not folds or not ended or not all(fold.done for fold in folds):
        raise DataError(f"{earlier} holds no finished cross-validation. Finish it first.")
    return folds


def check_begun(data: Path, fold: Fold, flags: Sequence[str]) -> None:
    """See that a fold that was begun is of the recipe asked for: two recipes have no estimate.

    Raises:
        SettingsError: it was begun otherwise; names the first setting that differs.
    """
    if not (fold.root / SETTINGS).exists():
        return
    begun, asked = read_record(fold.root), _asked_of(data, fold, flags)
    begun = replace(begun, settings=placed(begun.settings))
    was, now = ({"data": r.data, "extra": r.extra, **asdict(r.settings)} for r in (begun, asked))
    for name in was:
        if was[name] != now[name]:
            raise SettingsError(
                f"{fold.root} was started with {name} {was[name]}, not {now[name]}. "
                "Give the command that it was started with, or choose another --out."
            )


def check_untaught(data: Path, fold: Fold, flags: Sequence[str]) -> None:
    """See that nothing which a fold is to learn from knows its judges, before it takes hours.

    Raises:
        FoldError: its weights or a teacher learned from pictures that judge it.
        WeightsError, CheckpointError, BundleError: one of them cannot be had.
    """
    if not fold.done and not (fold.root / STATE).exists():  # one that goes on has its own weights
        taught = _known_to(_asked_of(data, fold, flags).settings)
        _refuse_leak(fold, read_sides(fold.split).validation & taught)


@lru_cache(maxsize=1)  # folds without --after all start from the same
def _known_to(settings: TrainSettings) -> frozenset[str]:
    return find_origins(settings, resumed=False).taught


def _refuse_leak(fold: Fold, leaked: Set[str]) -> None:
    if leaked:
        judging = len(read_sides(fold.split).validation)
        raise FoldError(
            f"{fold.root.name} learns from {len(leaked)} of the {judging} pictures that judge it, "
            "by weights or teachers that saw them. Take others, which saw none of them."
        )


def _asked_of(data: Path, fold: Fold, flags: Sequence[str]) -> RunRecord:
    """What `train_fold` would ask of a fold that is new."""
    parser = argparse.ArgumentParser(prog="gemscan train")
    add_arguments(parser)
    return wanted_record(parser.parse_args([str(data), "--out", str(fold.root), *flags]))


def train_fold(data: Path, fold: Fold, flags: Sequence[str]) -> None:
    """Run `gemscan train` for one fold, or go on with it.

    Args:
        flags: what else `gemscan train` is told.

    Raises:
        FoldError: it failed; its own words stand above.
    """
    if fold.done:
        return
    begun = ["--resume"] if (fold.root / SETTINGS).exists() else []
    words = [sys.executable, str(COMMAND), "train", str(data), "--out", str(fold.root)]
    done = subprocess.run([*words, "--split", str(fold.split), *flags, *begun], check=False)
    if done.returncode:
        raise FoldError(
            f"{fold.root.name} ended with exit code {done.returncode}. Mend what it says above and "
            "run the same command again: finished folds are kept."
        )
    if not fold.done:
        raise FoldError(f"{fold.root.name} diverged. There is no estimate; use a lower --lr.")


def estimate(folds: Sequence[Fold]) -> Json:
    """The pooled accuracy of finished folds of one recipe, as `estimate.json` keeps it.

    Raises:
        DataError: a fold's records cannot be read.
        SettingsError: its settings cannot.
        FoldError: a photograph is not judged once, by a run that never saw it.
    """
    scores = [_score(fold) for fold in folds]
    _check_unseen(folds)
    return pool(scores, recipe_of(folds[0].root))  # `check_begun` saw that all have the same


def _divide(seen: Seen, count: int, seed: int) -> list[set[int]]:
    labels = np.array([picture.label for picture in seen.pictures])
    names, counts = np.unique(labels, return_counts=True)
    if few := [str(name) for name, n in zip(names, counts, strict=True) if n < count]:
        raise DataError(f"{', '.join(few)}: fewer pictures than folds. Take fewer --folds.")
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    folds = list(splitter.split(labels, labels, seen.groups()))
    for side in itertools.chain.from_iterable(folds):
        if lacking := [str(name) for name in names if name not in labels[side]]:
            raise DataError(
                f"{', '.join(lacking)}: too few photographs that are no copies of each other for "
                "both sides of every fold. Take fewer --folds, or add photographs of other stones."
            )
    return [set(held.tolist()) for _, held in folds]


def _record(seen: Seen, held: set[int]) -> Json:
    listed = entries(seen.pictures, seen.digests)
    return {
        "training": [entry for i, entry in enumerate(listed) if i not in held],
        "validation": [entry for i, entry in enumerate(listed) if i in held],
    }


def _check_unseen(folds: Sequence[Fold]) -> None:
    judged: set[str] = set()
    for fold in folds:
        validation = read_sides(fold.root / SPLIT).validation
        taught = load_weights(fold.root / LAST).get("training", ())
        _refuse_leak(fold, validation.intersection(taught))
        if twice := len(validation & judged):
            raise FoldError(
                f"{twice} pictures judge {fold.root.name} and another fold. Choose another --out, "
                "and give --train no --split."
            )
        judged |= validation


def _score(fold: Fold) -> FoldScore:
    history, split = (read_json(fold.root / name, DataError) for name in (HISTORY, SPLIT))
    try:
        n = len(split["validation"])
        return FoldScore(n, round(history[-1]["validation_top1"] * n))
    except (LookupError, TypeError) as exc:
        raise DataError(f"the records of {fold.root} cannot be read ({exc!r}).") from exc
