"""The sections of a run's report that state facts: its data, its settings and its time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deploy.arrays import Json
from deploy.report.blocks import (
    Block,
    Cell,
    Fact,
    Facts,
    Note,
    Section,
    Table,
    counted,
)
from deploy.report.file_names import unreadable_blocks
from train.data.recorded import is_extra
from train.run.files import RunFiles

# Of `history.json`: what is drawn, and what needs no column of its own.
DRAWN = {"epoch", "training_loss", "training_top1", "validation_loss", "validation_top1"}
TITLES = {
    "learning_rate": "Learning rate",
    "images_per_s": "Training pictures per second",
    "gpu_use": "GPU use, part of the time",
    "gpu_memory_gb": "GPU memory at its peak, GB",
}


def data_section(run: RunFiles, judged: int | None) -> Section:
    """Which pictures there are, and on which side.

    judged: how many test pictures the numbers of the report are of; None where it has none.
    """
    training, test = run.split["training"], run.split["validation"]
    extra = [entry for entry in training if is_extra(entry, run.record.get("extra"))]
    unreadable = run.split.get("unreadable", [])
    sides: list[tuple[str, Sequence[Json]]] = [("Training", training), ("Test", test)]
    if extra:
        sides.insert(1, ("of these, extra pictures that only teach", extra))
    rows = tuple(_side_row(name, side, run.labels) for name, side in sides)
    columns = ("<Side", "Pictures", "Classes", "Fewest in a class", "Most in a class")
    blocks: list[Block] = [Table(f"Pictures from {run.record.get('data', '?')}.", columns, rows)]
    if gone := 0 if judged is None else len(test) - judged:
        said = f"{counted(gone, 'test picture')} {'is' if gone == 1 else 'are'} not in the numbers"
        blocks.append(Note(f"{said} of this report: gone, changed, or not readable any more."))
    blocks += unreadable_blocks(unreadable, Path(run.record.get("data", "")))
    return Section("data", "Pictures", tuple(blocks))


def _side_row(name: str, side: Sequence[Json], labels: Sequence[str]) -> tuple[Cell, ...]:
    counts = Counter(str(entry["label"]) for entry in side)
    each = [counts[label] for label in labels]
    return (
        name,
        f"{len(side):,}",
        f"{sum(count > 0 for count in each)}",
        f"{min(each):,}",
        f"{max(each):,}",
    )


def settings_section(run: RunFiles) -> Section:
    """What the run was started with, and on what it ran."""
    settings = tuple((words(name), shown_value(value)) for name, value in run.settings.items())
    others = tuple(
        (words(name), shown_value(value))
        for name, value in run.record.items()
        if name in ("data", "extra", "split") and value
    )
    rows = (*settings, *others)
    blocks: list[Block] = [Table("Settings of the run.", ("<Setting", "<Value"), rows)]
    if run.environment:
        names = tuple(dict.fromkeys(name for line in run.environment for name in line))
        starts = tuple(
            tuple(shown_value(line.get(name)) for name in names) for line in run.environment
        )
        columns = tuple(f"<{words(name)}" for name in names)
        blocks.append(Table("Where it ran, a line for each start.", columns, starts))
    else:
        blocks.append(Note("Where it ran, and with which versions, was not noted."))
    return Section("settings", "Settings", tuple(blocks))


def time_section(run: RunFiles) -> Section:
    """How long it took, and what else each epoch noted."""
    facts = (
        Fact("Training", duration(training_s(run)), "epochs that are done, without validation"),
        Fact("An epoch", duration(training_s(run) / max(1, len(run.history)))),
        Fact("Pictures in an epoch", f"{pictures_per_epoch(run):,}"),
    )
    names = dict.fromkeys(name for row in run.history for name in row if name not in DRAWN)
    rows = tuple(row for name in names if (row := _number_row(run.history, name)) is not None)
    columns = ("<What", "First epoch", "Lowest", "Mean", "Highest", "Last epoch")
    blocks: list[Block] = [Facts(facts)]
    if rows:
        blocks.append(Table("What each epoch noted.", columns, rows))
    return Section("time", "Time", tuple(blocks))


def pictures_per_epoch(run: RunFiles) -> int:
    """Whole batches only, as training shows them."""
    count = len(run.split["training"])
    batch = max(1, min(int(run.settings.get("batch", 1)), count))
    return count // batch * batch


def training_s(run: RunFiles) -> float:
    """Seconds spent on training steps, from each epoch's rate."""
    rates = [float(row.get("images_per_s") or math.nan) for row in run.history]
    return sum(pictures_per_epoch(run) / rate for rate in rates)


def duration(seconds: float) -> str:
    """Seconds as a person says them: "41 s", "3 min 20 s", "2 h 05 min"."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 10:
        return f"{seconds:.1f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min {rest:02d}\u00a0s" if minutes else f"{rest}\u00a0s"
    return f"{minutes // 60}\u00a0h {minutes % 60:02d}\u00a0min"


def _number_row(history: Sequence[Json], name: str) -> tuple[Cell, ...] | None:
    values = [row[name] for row in history if isinstance(row.get(name), (int, float))]
    if not values:
        return None
    told = (values[0], min(values), sum(values) / len(values), max(values), values[-1])
    return (TITLES.get(name, words(name)), *(f"{value:.4g}" for value in told))


def words(name: str) -> str:
    """A key of a file, as a reader reads it."""
    return name.replace("_", " ").capitalize()


def shown_value(value: object) -> str:
    """A value of a file, as a reader reads it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
