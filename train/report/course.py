"""The section of a run's report that tells its course: the curves, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from deploy.report.blocks import Block, Cell, Figure, Note, Section, Table, counted, percent
from deploy.report.curves import draw_curves
from train.report.facts import shown_value, words
from train.run.files import RunFiles


def progress_section(run: RunFiles, chosen: int | None) -> Section:
    """The curves, and what the run itself says of its end."""
    blocks: list[Block] = [Note(_how_far(run, chosen))]
    if run.outcome:
        rows = tuple(_outcome_row(name, value) for name, value in _flat(run.outcome))
        blocks.append(Table("What the run noted of its end.", ("<What", "<Value"), rows))
    if run.history:
        caption = (
            "Training numbers are of pictures as training shows them, under its own loss; test "
            "numbers are of the pictures as they are. The two need not meet, even where nothing is "
            "overfitted."
        )
        caption += f" The dotted line marks epoch {chosen}, whose weights are used." * bool(chosen)
        blocks.insert(1, Figure(draw_curves(run.history, chosen), caption))
    return Section("progress", "What happened", tuple(blocks))


def _how_far(run: RunFiles, chosen: int | None) -> str:
    done = len(run.history)
    said = f"{done} of {counted(run.epochs, 'epoch')} {'is' if run.epochs == 1 else 'are'} done."
    if (diverged := _diverged_in(run)) is not None:
        said += f" In epoch {diverged} the loss was no longer a number: the run diverged."
    elif done < run.epochs:
        said = said[:-1] + ": the run is going on, or was stopped."
    if chosen is not None:
        said += f" The weights of epoch {chosen} are used."
    return said


def _diverged_in(run: RunFiles) -> int | None:
    """The epoch, from 1, in which the loss was lost: by the run's own word, or by its history."""
    noted = run.outcome.get("diverged_in_epoch")
    if isinstance(noted, int):  # from 0
        return noted + 1
    return next((number for number, row in enumerate(run.history, 1) if _broken(row)), None)


def _broken(row: Mapping[str, Any]) -> bool:
    """Whether a loss is missing: JSON has no NaN, so null stands for one."""
    losses = (row.get("training_loss"), row.get("validation_loss"))
    return any(loss is None or not math.isfinite(loss) for loss in losses)


def _flat(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names and values; what is nested goes by both names."""
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}: {inner}", found) for inner, found in _flat(value))
        else:
            yield name, value


def _outcome_row(name: str, value: Any) -> tuple[Cell, ...]:
    """Epochs are numbered from 1 on the page, and from 0 in the file; parts are per cent."""
    if name.endswith("_epoch") and isinstance(value, int):
        value += 1
    if name.endswith("top1") and isinstance(value, float):
        value = percent(value)
    return (words(name), shown_value(value))
