"""What the operator would read: a name, a short list or "refer", for known and unknown kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deploy.decision import NAME
from deploy.evaluation.evaluate import Evaluation, served
from deploy.evaluation.scores import Decided, Scored, score_decisions
from deploy.report.answers import Answers
from deploy.report.blocks import Block, Cell, Fold, Note, Section, Table, counted, percent
from deploy.report.judged import Judged, title

COLUMNS = (
    "<Pictures",
    "Number",
    "Named",
    "of these right",
    "Listed",
    "of these hold it",
    "Referred",
)


def decision_section(evaluations: Sequence[Evaluation], judged: Judged) -> Section:
    """Shares of names, lists and "refer" over the judged pictures and over unknown kinds."""
    rows = [
        (f"{title(each)}: known kinds", *_cells(score_decisions(_judged(each, model))))
        for each, model in zip(evaluations, judged.models, strict=False)
    ]
    rows += [
        (f"{title(each)}: unknown kinds", *_cells(each.decided_unknown))
        for each in evaluations
        if each.unknown
    ]
    blocks: list[Block] = [
        Note(_rule(judged)),
        Table("What the operator reads.", COLUMNS, (*rows,)),
    ]
    if evaluations[0].unknown:
        blocks += _unknown(evaluations[0])
    return Section("decision", "Name, list or refer", tuple(blocks))


def _judged(evaluation: Evaluation, model: Answers) -> list[Scored]:
    chosen = set(model.paths)
    return [p for p in evaluation.known if Path(p.path) in chosen]


def _cells(decided: Decided) -> tuple[Cell, ...]:
    shares = (decided.named, decided.named_right, decided.listed, decided.listed_right)
    return (f"{decided.n:,}", *map(percent, shares), percent(decided.referred))


def _rule(judged: Judged) -> str:
    said = "By the bundle's thresholds, which stand at the end of this page."
    if judged.warn and judged.models:
        said += " The known pictures below taught the model."
    if judged.chose:
        which = "The" if judged.chose == len(judged.models[0]) else f"{judged.chose:,} of the"
        said += f" {which} known pictures below chose these thresholds."
    return said


def _unknown(evaluation: Evaluation) -> list[Block]:
    kinds = sorted({p.label for p in evaluation.unknown})
    rows = [_kind_row(kind, [p for p in evaluation.unknown if p.label == kind]) for kind in kinds]
    caption = f"{counted(len(kinds), 'unknown kind')}, of which every name is wrong"
    columns = ("<Kind", "Pictures", "Named", "Listed", "Referred", "<Most often named")
    text = (
        f"The folder holds {counted(len(evaluation.unknown), 'picture')} of kinds that the model "
        "has no name for. The only right answer to them is to refer."
    )
    if said := served(evaluation.n_taught_unknown, evaluation.n_fitted):
        text += f" {said}."
    return [
        Note(text),
        Fold(caption, (Table(f"What {title(evaluation)} makes of them.", columns, tuple(rows)),)),
    ]


def _kind_row(kind: str, pictures: Sequence[Scored]) -> tuple[Cell, ...]:
    decided = score_decisions(pictures)
    names = Counter(p.prediction for p in pictures if p.kind == NAME).most_common(1)
    most = f"{names[0][0]} ({names[0][1]})" if names else ""
    shares = (decided.named, decided.listed, decided.referred)
    return (kind, f"{decided.n:,}", *map(percent, shares), most)
