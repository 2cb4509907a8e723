"""What a decision is worth: on known stones that did not choose it, on kinds that did not fit it.

The judging pictures choose the thresholds, so they are dealt into folds, and each fold is judged
by thresholds of the others. The kinds of the others fit familiarity, so they are dealt as well,
and each fold of kinds is judged by a familiarity that never saw them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray, Json
from deploy.decision import LIST, NAME, REFER, Decision, Verdict, decide, probabilities
from deploy.evaluation.scores import wilson_interval
from deploy.familiarity import Familiarity
from deploy.files import without_nan
from train.confidence.collect import Seen
from train.confidence.discriminant import scores
from train.confidence.judged import Doubles, Judged, judge

if TYPE_CHECKING:
    from train.confidence.fit import Looked, Settings

FOLDS = 5
DRAWS = 400  # of the bootstrap (Efron 1979)

Fit = Callable[["Looked", Seen, tuple[str, ...]], Familiarity]


@dataclass(frozen=True)
class Share:
    """A share of n, 0 to 1, with its 95 % interval. NaN for n = 0."""

    share: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, count: int, n: int) -> Share:
        """The share of `count` in `n`; the interval is Wilson's (1927)."""
        return cls(count / n if n else float("nan"), *wilson_interval(count, n), n)

    def __str__(self) -> str:
        if not self.n:
            return "none"
        return f"{self.share:.1%} ({self.low:.1%} to {self.high:.1%}, n = {self.n})"


@dataclass(frozen=True)
class Fate:
    """What became of stones: named, listed, referred; of those named, the share named right."""

    named: Share
    listed: Share
    referred: Share
    named_right: Share
    listed_right: Share


@dataclass(frozen=True)
class Measured:
    """What was measured.

    known: the pictures that taught nothing, by thresholds that other pictures chose.
    known_views: the same with views of each; the intervals are too narrow, since views are alike.
    unknown: pictures of other kinds, by a familiarity that was fitted without those kinds; its
        intervals are by a bootstrap over kinds, since pictures of one kind fare alike.
    auroc: how often a known stone is more familiar than one of such kinds.
    auroc_low, auroc_high: its 95 % interval, by a bootstrap over kinds and known pictures.
    auroc_confidence: the same for the confidence of the first label, to compare.
    kinds: of the others.
    """

    known: Fate
    known_views: Fate
    unknown: Fate | None
    auroc: float
    auroc_low: float
    auroc_high: float
    auroc_confidence: float
    kinds: int

    def as_json(self) -> Json:
        """For a file; what does not exist is null."""
        said: Json = without_nan(asdict(self))
        return said


def measure(
    looked: Looked,
    labels: tuple[str, ...],
    settings: Settings,
    fit: Fit,
    folds: Judged | None = None,
) -> Measured:
    """Cross-fit over known pictures and over kinds of the others.

    Args:
        folds: pictures judged by the folds of a cross-validation, to choose thresholds on in
            place of `looked.judging`.
    """
    everything = fit(looked, looked.others, labels)
    judged = folds or judge(looked.judging, everything, labels)
    known, views = _known_fates(judged, labels, settings)
    if len(set(looked.others.kinds)) < FOLDS:
        nan = float("nan")
        return Measured(known, views, None, nan, nan, nan, nan, len(set(looked.others.kinds)))
    plain = looked.judging.where(looked.judging.plain)
    kinds: list[str] = []
    rows, sure_rows = [], []
    verdicts: list[str] = []
    for held, rest in _kind_folds(looked.others, settings.seed):
        familiarity = fit(looked, rest, labels)
        judged = folds or judge(looked.judging, familiarity, labels)
        decision = judged.choose(settings.asked)
        rows.append(_below(_scores(familiarity, plain), _scores(familiarity, held)))
        sure_rows.append(_below(_sureness(plain, decision), _sureness(held, decision)))
        familiar = _scores(familiarity, held)
        verdicts += [v.kind for v in _verdicts(held.logits, familiar, decision, labels)]
        kinds += list(held.kinds)
    wins, sure = np.concatenate(rows, axis=1), np.concatenate(sure_rows, axis=1)
    low, high = _bootstrap(wins, np.array(kinds), settings.seed)
    return Measured(
        known,
        views,
        _fate_of_unknown(verdicts, kinds, settings.seed),
        float(wins.mean()),
        low,
        high,
        float(sure.mean()),
        len(set(kinds)),
    )


def _known_fates(judged: Judged, labels: tuple[str, ...], settings: Settings) -> tuple[Fate, Fate]:
    """The fate of the pictures themselves, and of all views, by thresholds of other pictures."""
    found: list[tuple[str, bool]] = []
    plain: list[bool] = []
    for fold in _folds(np.unique(judged.picture), settings.seed):
        held = np.isin(judged.picture, fold)
        alone = bool(held.all())  # a single picture chooses and is judged
        chosen = judged if alone else judged.where(~held)
        decision = chosen.choose(settings.asked)
        found += _fates(judged.where(held), decision, labels)
        plain += list(judged.plain[held])
    of_plain = [one for one, is_plain in zip(found, plain, strict=True) if is_plain]
    return _fate(*_parts(of_plain)), _fate(*_parts(found))


def _parts(found: list[tuple[str, bool]]) -> tuple[list[str], list[bool]]:
    return [kind for kind, _ in found], [right for _, right in found]


def _fates(
    judged: Judged, decision: Decision, labels: tuple[str, ...]
) -> Iterator[tuple[str, bool]]:
    """For each row the verdict's kind, and whether it named or listed the right label."""
    verdicts = _verdicts(judged.logits, judged.familiarity, decision, labels)
    for verdict, target in zip(verdicts, judged.targets, strict=True):
        yield verdict.kind, labels[target] in verdict.meant


def _verdicts(
    logits: FloatArray, familiarity: Doubles, decision: Decision, labels: tuple[str, ...]
) -> Iterator[Verdict]:
    confidences = probabilities(logits, decision.temperature)
    for row, familiar in zip(confidences, familiarity, strict=True):
        yield decide(row, labels, decision, float(familiar))


def _fate(kinds: list[str], right: list[bool]) -> Fate:
    counts = {kind: kinds.count(kind) for kind in (NAME, LIST, REFER)}
    hits = {
        kind: sum(ok for one, ok in zip(kinds, right, strict=True) if one == kind)
        for kind in (NAME, LIST)
    }
    shares = [Share.of(counts[kind], len(kinds)) for kind in (NAME, LIST, REFER)]
    return Fate(*shares, *(Share.of(hits[kind], counts[kind]) for kind in (NAME, LIST)))


def _fate_of_unknown(verdicts: list[str], kinds: list[str], seed: int) -> Fate:
    """As `_fate`, where nothing can be right; the intervals come of drawing kinds anew."""
    each, inverse = np.unique(kinds, return_inverse=True)
    drawn = np.random.default_rng(seed).integers(0, len(each), (DRAWS, len(each)))
    sizes = np.bincount(inverse)
    shares = []
    for verdict in (NAME, LIST, REFER):
        hits = np.array(verdicts) == verdict
        per_kind = np.bincount(inverse, weights=hits)
        again = per_kind[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
        low, high = np.percentile(again, (2.5, 97.5))
        shares.append(Share(float(hits.mean()), float(low), float(high), len(hits)))
    named, listed = (round(share.share * share.n) for share in shares[:2])
    none_right = Share.of(0, named), Share.of(0, listed)
    return Fate(shares[0], shares[1], shares[2], *none_right)


def _folds(items: npt.NDArray[Any], seed: int) -> list[npt.NDArray[Any]]:
    order = np.random.default_rng(seed).permutation(items)
    return [fold for fold in np.array_split(order, FOLDS) if len(fold)]


def _kind_folds(others: Seen, seed: int) -> Iterator[tuple[Seen, Seen]]:
    """Pictures of some kinds, and those of all other kinds."""
    for fold in _folds(np.unique(others.kinds), seed):
        held = np.isin(others.kinds, fold)
        yield others.where(held), others.where(~held)


def _scores(familiarity: Familiarity, seen: Seen) -> Doubles:
    return scores(familiarity, seen.logits, seen.embedding)


def _sureness(seen: Seen, decision: Decision) -> Doubles:
    return np.asarray(probabilities(seen.logits, decision.temperature).max(axis=1), np.float64)


def _below(known: Doubles, unknown: Doubles) -> Doubles:
    """(K, U): 1 where the known score is the higher one, 0.5 where they are equal."""
    gaps = known[:, None] - unknown[None, :]
    return np.asarray((gaps > 0) + 0.5 * (gaps == 0), np.float64)


def _bootstrap(wins: Doubles, kinds: npt.NDArray[np.str_], seed: int) -> tuple[float, float]:
    """The 95 % interval of the mean: kinds are drawn anew, and so are known pictures."""
    rng = np.random.default_rng(seed)
    each, inverse = np.unique(kinds, return_inverse=True)
    sums = np.stack([wins[:, inverse == i].sum(axis=1) for i in range(len(each))], axis=1)
    sizes = np.bincount(inverse)
    areas = []
    for _ in range(DRAWS):
        rows = rng.integers(0, len(wins), len(wins))
        columns = rng.integers(0, len(each), len(each))
        areas.append(sums[rows][:, columns].sum() / (len(rows) * sizes[columns].sum()))
    low, high = np.percentile(areas, (2.5, 97.5))
    return float(low), float(high)
