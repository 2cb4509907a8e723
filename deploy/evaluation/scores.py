"""Counting how often a model was right, and how sure that count is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deploy.decision import LIST, NAME, REFER


@dataclass(frozen=True)
class Scored:
    """One picture and what became of it.

    label: the bundle's name of its class, or the folder's name where the bundle knows no such
        class; `known` tells which.
    prediction, confidence: the most probable label, and its probability, 0 to 1.
    rank: how many labels the model holds more probable than the true one; None if not known.
        Of logits that are not numbers all count as more probable.
    kind: what the decision said: "name", "list" or "refer".
    offered: the true label was named, or stands in the list.
    uses: see `ReadPicture.uses`.
    familiarity: see deploy/familiarity.py; None where the bundle does not tell.
    """

    path: str
    label: str
    known: bool
    prediction: str
    confidence: float
    rank: int | None
    kind: str
    offered: bool
    uses: tuple[str, ...] = ()
    familiarity: float | None = None


@dataclass(frozen=True)
class Score:
    """Accuracy over n pictures. All parts are 0 to 1, and NaN where n is 0.

    top1_low, top1_high: the 95 % interval of top1.
    """

    n: int
    top1: float
    top5: float
    top1_low: float
    top1_high: float

    def __str__(self) -> str:
        if not self.n:
            return "no pictures"
        return (
            f"top-1 {self.top1:.2%} (95 % interval {self.top1_low:.2%} to {self.top1_high:.2%}), "
            f"top-5 {self.top5:.2%}, n = {self.n}"
        )


def score(pictures: Sequence[Scored]) -> Score:
    """Accuracy over pictures of known classes."""
    ranks = [p.rank for p in pictures if p.rank is not None]
    n, right = len(ranks), sum(rank == 0 for rank in ranks)
    low, high = wilson_interval(right, n)
    return Score(n, part(right, n), part(sum(rank < 5 for rank in ranks), n), low, high)


def part(count: int, n: int) -> float:
    """count / n, or NaN for none of nothing."""
    return count / n if n else math.nan


def wilson_interval(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a proportion; NaN for n = 0.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if not n:
        return math.nan, math.nan
    share, weight = right / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / weight
    half = z / weight * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)


def auroc(known: Sequence[float], unknown: Sequence[float]) -> float:
    """How often a known score is above an unknown one; equal ones count half; NaN without both.

    The area under the ROC curve is that share (Hanley and McNeil 1982).
    """
    if not len(known) or not len(unknown):
        return math.nan
    order = np.sort(np.asarray(unknown, np.float64))
    below = np.searchsorted(order, known, "left") + np.searchsorted(order, known, "right")
    return float(below.mean() / (2 * len(order)))


@dataclass(frozen=True)
class ClassScore:
    """One class.

    mistaken_for: the wrong label it was most often given, and how often; ("", 0) if never.
    """

    label: str
    n: int
    top1: float
    mistaken_for: str
    mistaken_n: int


def score_classes(pictures: Sequence[Scored], labels: Sequence[str]) -> list[ClassScore]:
    """One row for each label that has pictures, in label order."""
    rows = []
    for label in labels:
        mine = [p for p in pictures if p.known and p.label == label]
        if mine:
            wrong = Counter(p.prediction for p in mine if p.rank != 0)
            mistaken_for, mistaken_n = wrong.most_common(1)[0] if wrong else ("", 0)
            top1 = part(len(mine) - wrong.total(), len(mine))
            rows.append(ClassScore(label, len(mine), top1, mistaken_for, mistaken_n))
    return rows


@dataclass(frozen=True)
class Decided:
    """What the decision made of n pictures, as parts of n, 0 to 1, NaN where there are none.

    named, listed, referred: they sum to 1.
    named_right: of those that were named, the part named right.
    listed_right: of those that got a list, the part whose true label is in it.
    """

    n: int
    named: float
    listed: float
    referred: float
    named_right: float
    listed_right: float

    def __str__(self) -> str:
        if not self.n:
            return "no pictures"
        said = f"names {self.named:.1%}"
        if self.named:
            said += f" ({self.named_right:.1%} of them right)"
        said += f", lists {self.listed:.1%}"
        if self.listed:
            said += f" ({self.listed_right:.1%} of them hold it)"
        return f"{said}, refers {self.referred:.1%}"


def score_decisions(pictures: Sequence[Scored]) -> Decided:
    """How often the operator reads a name, a list, or "refer", and how often it is right."""
    by_kind = {kind: [p for p in pictures if p.kind == kind] for kind in (NAME, LIST, REFER)}
    shares = {kind: part(len(found), len(pictures)) for kind, found in by_kind.items()}
    right = {kind: part(sum(p.offered for p in f), len(f)) for kind, f in by_kind.items()}
    return Decided(
        n=len(pictures),
        named=shares[NAME],
        listed=shares[LIST],
        referred=shares[REFER],
        named_right=right[NAME],
        listed_right=right[LIST],
    )
