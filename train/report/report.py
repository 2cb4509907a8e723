"""The report of a run: `RUN/report.html`, one file, no network."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import torch

from deploy.arrays import Json
from deploy.errors import DataError
from deploy.evaluation.scores import part, wilson_interval
from deploy.preprocess import Framing
from deploy.published import STUDY_15, STUDY_15_MEAN
from deploy.report.answers import Answers
from deploy.report.blocks import Fact, Facts, Note, Page, Section, counted, interval, percent
from deploy.report.classes import class_section, mean_over_classes
from deploy.report.mistakes import confusion_section, worst_section
from deploy.report.page import write_page
from deploy.report.sureness import before_and_after, points, sureness_section
from deploy.report.thumbnails import thumbnail_uri
from train.checkpoint import CheckpointError, load_weights
from train.framing import framing_of
from train.model import choose_device
from train.report.course import progress_section
from train.report.facts import (
    data_section,
    duration,
    settings_section,
    time_section,
    training_s,
)
from train.report.validated import validated
from train.run.files import RunFiles, read_run
from train.run.folder import BEST, told
from train.settings import IMAGENET, NOTHING

logger = logging.getLogger(__name__)
REPORT = "report.html"

APART = (
    "Near-duplicates were grouped before the split, so no photograph stands on both sides. The "
    "test side chose the epoch, which flatters its result a little."
)
COPIES = (
    "This run follows the study's protocol: its pictures were turned, shifted and scaled first and "
    "split afterwards, so copies of the test pictures' photographs taught it. Its accuracy is "
    "not that of stones it never saw."
)


def write_report(run: Path, device: str = "auto") -> Path:
    """Write what a run made of its pictures so far; also while it goes on, or after it was killed.

    Args:
        run: what `gemscan train` wrote.
        device: "auto", "cpu" or "cuda"; computes the logits of the test side, once.

    Raises:
        DataError: there is no run.
        MissingDependencyError: matplotlib or jinja2 is not installed.
        StorageError: no space, or no permission.
    """
    files = read_run(run)
    framing = _framing(files.settings)
    answers = _answers(files, framing, choose_device(device))
    write_page(run / REPORT, _page(files, answers, framing))
    return run / REPORT


def _framing(settings: Json) -> Framing:
    return framing_of(str(settings.get("framing", Framing().method)))


def _answers(run: RunFiles, framing: Framing, device: torch.device) -> Answers | None:
    """None where there are no weights yet, or no pictures any more: the rest is still told."""
    try:
        return validated(run.folder, run.split, framing, device)
    except (CheckpointError, DataError) as exc:
        logger.warning("the report says nothing of single pictures: %s", exc)
        return None


def _page(run: RunFiles, answers: Answers | None, framing: Framing) -> Page:
    chosen = _chosen_epoch(run.folder)
    return Page(
        over=f"gemscan training report, {datetime.now(timezone.utc):%d %B %Y}",
        title=run.folder.resolve().name,
        lead=_lead(run),
        headline=Facts(_headline(run, answers)),
        notes=tuple(_notes(run, answers)),
        sections=(
            progress_section(run, chosen),
            *(_answer_sections(run, answers, framing) if answers else ()),
            data_section(run, len(answers) if answers else None),
            settings_section(run),
            time_section(run),
        ),
    )


def _chosen_epoch(run: Path) -> int | None:
    try:
        return int(load_weights(run / BEST)["epoch"])
    except (CheckpointError, KeyError):
        return None


def _lead(run: RunFiles) -> str:
    training, test = len(run.split["training"]), len(run.split["validation"])
    return (
        f"ResNet-50 on {len(run.labels)} classes, {run.settings.get('size_px')} px, "
        f"{_origin(run)}: {counted(training, 'picture')} taught it, {test:,} tested it."
    )


def _origin(run: RunFiles) -> str:
    named = told({"weights": "", **run.settings})
    weights, teachers = named["weights"], named["teachers"]
    known = {NOTHING: "from nothing", IMAGENET: "from ImageNet weights"}
    start = known.get(weights, f"from {weights or 'weights of its own'}")
    return f"{start}, with what {', '.join(teachers)} answered" if teachers else start


def _headline(run: RunFiles, answers: Answers | None) -> tuple[Fact, ...]:
    time = Fact("Training time", duration(training_s(run)), counted(len(run.history), "epoch"))
    if answers is None:
        return (Fact("Epochs done", f"{len(run.history)} of {run.epochs}"), time)
    return (_accuracy(answers), _mean(answers), *_sureness(answers), time)


def _accuracy(answers: Answers) -> Fact:
    right, n = int(answers.right.sum()), len(answers)
    reach = interval(*wilson_interval(right, n))
    note = f"95 % interval {reach}, {counted(n, 'picture')}"
    return Fact("Accuracy on the test side", percent(part(right, n)), note)


def _mean(answers: Answers) -> Fact:
    same = set(answers.labels) == set(STUDY_15)
    note = f"the study: {STUDY_15_MEAN:.2f}\u00a0%, not like for like" if same else ""
    name = f"Mean over {len(answers.labels)} classes"
    return Fact(name, percent(mean_over_classes(answers)), note)


def _sureness(answers: Answers) -> list[Fact]:
    if len(answers) < 2 or not answers.finite:
        return []
    before, after = before_and_after(answers, None)
    value = f"{points(before.error)}\u00a0→\u00a0{points(after.error)}"
    note = f"points, before and after scaling; {points(after.chance)} would be chance"
    return [Fact("Calibration error", value, note)]


def _notes(run: RunFiles, answers: Answers | None) -> list[Note]:
    notes = [Note(COPIES, warning=True)] if run.settings.get("enlarge") else []
    if answers is None:
        notes.append(
            Note(
                "There are no chosen weights yet, or the test pictures are gone: this page tells "
                "the run's course, and nothing of single classes and pictures.",
                warning=True,
            )
        )
    elif not answers.finite:
        notes.append(Note("The chosen weights give logits that are no numbers.", warning=True))
    return notes


def _answer_sections(run: RunFiles, answers: Answers, framing: Framing) -> list[Section]:
    taught = Counter(str(entry["label"]) for entry in run.split["training"])
    enlarged = bool(run.settings.get("enlarge"))
    root = run.folder if enlarged else Path(run.record.get("data", "."))
    return [
        class_section([answers], taught, COPIES if enlarged else APART),
        confusion_section([answers]),
        sureness_section([answers]),
        worst_section([answers], lambda path: thumbnail_uri(path, framing), root),
    ]
