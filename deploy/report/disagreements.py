"""Two models of one bundle, picture by picture: how often they agree, and where they do not."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from deploy.evaluation.compare import compare_logits
from deploy.report.answers import Answers
from deploy.report.blocks import Block, Cell, Fact, Facts, Note, Section, Table, percent
from deploy.report.file_names import shown_path

MOST = 50


def comparison_section(reference: Answers, candidate: Answers, root: Path | None) -> Section:
    """How a candidate, as INT8, differs from the reference, which is float32."""
    found = compare_logits(reference.logits, candidate.logits, reference.targets.tolist())
    lost = f"{100 * found.loss:+.2f}".replace("-", "−")
    resolved = f"points; these pictures resolve ±{100 * found.resolution:.2f}"
    most = f"on average; {found.largest_gap:.3f} at most"
    facts = (
        Fact("Agreement", percent(found.agreement), "pictures with the same first label"),
        Fact("Loss of accuracy", lost, resolved),
        Fact("Logits apart", f"{found.mean_gap:.3f}", most),
    )
    apart = np.flatnonzero(reference.predicted != candidate.predicted)
    blocks: list[Block] = [Facts(facts)]
    if len(apart):
        rows = tuple(_row(reference, candidate, int(i), root) for i in apart[:MOST])
        caption = f"The {len(apart)} pictures with two different answers"
        caption += f", the first {MOST} of them." if len(apart) > MOST else "."
        columns = ("<File", "<True class", f"<{reference.title}", f"<{candidate.title}")
        blocks.append(Table(caption, columns, rows))
    else:
        blocks.append(Note("No picture has two different answers."))
    name = f"{candidate.title} against {reference.title}"
    return Section("comparison", name, tuple(blocks))


def agreement(reference: Answers, candidate: Answers) -> float:
    """The part of the pictures with the same first label."""
    if not len(reference):
        return math.nan
    return float((reference.predicted == candidate.predicted).mean())


def _row(reference: Answers, candidate: Answers, index: int, root: Path | None) -> tuple[Cell, ...]:
    truth = reference.labels[int(reference.targets[index])]
    said = (_said(model, index) for model in (reference, candidate))
    return (shown_path(reference.paths[index], root), truth, *said)


def _said(model: Answers, index: int) -> str:
    first = int(model.predicted[index])
    mark = " ✓" if model.right[index] else ""
    return f"{model.labels[first]}, {percent(float(model.shown[index, first]))}{mark}"
