"""The page of `gemscan evaluate --html`: what a bundle's models made of labelled pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from deploy.bundle import Bundle
from deploy.evaluation.evaluate import Evaluation
from deploy.evaluation.scores import Score, part, wilson_interval
from deploy.report.answers import Answers
from deploy.report.blocks import (
    Block,
    Cell,
    Fact,
    Facts,
    Note,
    Page,
    Section,
    Table,
    counted,
    interval,
    percent,
)
from deploy.report.classes import class_section
from deploy.report.decisions import decision_section
from deploy.report.disagreements import agreement, comparison_section
from deploy.report.file_names import unreadable_blocks
from deploy.report.judged import Judged, judge, title
from deploy.report.mistakes import confusion_section, worst_section
from deploy.report.page import write_page
from deploy.report.sureness import before_and_after, points, sureness_section
from deploy.report.thumbnails import thumbnail_uri


def write_evaluation(
    path: Path, bundle: Bundle, evaluations: Sequence[Evaluation], folder: Path
) -> None:
    """Write the page of one evaluation, or of float32 and INT8 side by side.

    Args:
        evaluations: of the same pictures; the one that a device would run comes first, and what
            it is compared with second.
        folder: of the pictures, which are shown relative to it.

    Raises:
        MissingDependencyError: matplotlib or jinja2 is not installed.
        StorageError: the file cannot be written.
    """
    write_page(path, _page(bundle, evaluations, folder))


def _page(bundle: Bundle, evaluations: Sequence[Evaluation], folder: Path) -> Page:
    manifest = bundle.manifest
    judged = judge(evaluations, manifest.decision.temperature)
    given = _given(bundle, judged)
    return Page(
        over=f"gemscan evaluation, {datetime.now(timezone.utc):%d %B %Y}",
        title=manifest.name,
        lead=f"{len(bundle.labels)} classes, on pictures of {folder.resolve().name}. "
        f"{judged.sentence}",
        headline=Facts(tuple(_headline(evaluations, judged, given))),
        notes=(Note(judged.sentence, warning=True),) if judged.warn else (),
        sections=(
            *_answer_sections(bundle, judged, folder, given),
            decision_section(evaluations, judged),
            _origin_section(evaluations, folder),
            _bundle_section(bundle, evaluations),
        ),
    )


def _given(bundle: Bundle, judged: Judged) -> float | None:
    """The bundle's temperature, where other pictures chose it."""
    temperature = bundle.manifest.decision.temperature
    known = judged.unseen and not judged.chose
    return temperature if known and temperature != 1.0 else None


def _headline(evaluations: Sequence[Evaluation], judged: Judged, given: float | None) -> list[Fact]:
    models = judged.models
    facts = [_accuracy(model, len(models) > 1) for model in models]
    if len(models) > 1:
        note = f"of {counted(len(models[0]), 'picture')} have the same first label"
        facts.append(Fact("Agreement", percent(agreement(models[1], models[0])), note))
    if models and len(models[0]) > 1 and models[0].finite:
        before, after = before_and_after(models[0], given)
        value = f"{points(before.error)}\u00a0→\u00a0{points(after.error)}"
        note = f"points, before and after scaling; {points(after.chance)} would be chance"
        facts.append(Fact("Calibration error", value, note))
    unknown = evaluations[0].decided_unknown
    if unknown.n:
        note = f"referred, of {counted(unknown.n, 'picture')}; {percent(unknown.named)} named"
        facts.append(Fact("Unknown kinds", percent(unknown.referred), note))
    return facts


def _accuracy(model: Answers, several: bool) -> Fact:
    right, n = int(model.right.sum()), len(model)
    reach = interval(*wilson_interval(right, n))
    name = f"Accuracy, {model.title}" if several else "Accuracy"
    return Fact(name, percent(part(right, n)), f"95 % interval {reach}, {counted(n, 'picture')}")


def _answer_sections(
    bundle: Bundle, judged: Judged, folder: Path, given: float | None
) -> list[Section]:
    if not judged.models:
        return []
    models, manifest = judged.models, bundle.manifest
    sections = [class_section(models, None, judged.sentence)]
    if len(models) > 1:
        sections.append(comparison_section(models[1], models[0], folder))
    return [
        *sections,
        confusion_section(models),
        sureness_section(models, given),
        worst_section(models, lambda path: thumbnail_uri(path, manifest.framing), folder),
    ]


def _origin_section(evaluations: Sequence[Evaluation], folder: Path) -> Section:
    """All pictures, by what they served for before."""
    rows = [row for each in evaluations for row in _origin_rows(each)]
    columns = ("<Pictures", "Number", "Accuracy", "95 % interval", "Among the first five")
    blocks: list[Block] = [Table("Accuracy by what the pictures served for.", columns, (*rows,))]
    first = evaluations[0]
    if first.n_calibration:
        blocks.append(Note(f"{counted(first.n_calibration, 'picture')} chose the INT8 ranges."))
    blocks += unreadable_blocks(first.unreadable, folder)
    return Section("pictures", "Pictures", tuple(blocks))


def _origin_rows(evaluation: Evaluation) -> list[tuple[Cell, ...]]:
    sides = (
        ("unseen", evaluation.unseen),
        ("validated the model", evaluation.validation),
        ("taught the model", evaluation.seen),
        ("all of known kinds", evaluation.overall),
    )
    return [_origin_row(f"{title(evaluation)}: {name}", found) for name, found in sides]


def _origin_row(name: str, found: Score) -> tuple[Cell, ...]:
    reach = interval(found.top1_low, found.top1_high)
    return (name, f"{found.n:,}", percent(found.top1), reach, percent(found.top5))


def _bundle_section(bundle: Bundle, evaluations: Sequence[Evaluation]) -> Section:
    manifest = bundle.manifest
    rows = [
        ("Bundle", f"{manifest.name}, version {manifest.version}"),
        ("Digest", bundle.digest),
        ("Input", f"{manifest.input.size_px} px"),
        ("Framing", f"{manifest.framing.method}, margin {manifest.framing.margin:g}"),
    ]
    rows += [
        (f"Decision: {name.replace('_', ' ')}", "–" if value is None else f"{value:.4g}")
        for name, value in asdict(manifest.decision).items()
    ]
    rows += [
        (f"Ran {title(each)}", f"{each.backend}, {each.images_per_s:.1f} pictures per second")
        for each in evaluations
    ]
    note = "Pictures per second: read from their files, prepared and classified one by one."
    table = Table("The bundle, and what ran it.", ("<What", "<Value"), tuple(rows))
    return Section("bundle", "Bundle and settings", (table, Note(note)))
