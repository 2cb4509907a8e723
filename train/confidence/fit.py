"""From pictures to the familiarity and the decision of a bundle, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.backends.base import Backend
from deploy.bundle import Bundle
from deploy.decision import Decision
from deploy.familiarity import Familiarity
from train.confidence.collect import Progress, Seen, Sides, look, look_at
from train.confidence.discriminant import fit_familiarity
from train.confidence.judged import Judged, judge
from train.confidence.measure import Measured, measure
from train.confidence.nothing import empty_trays
from train.confidence.rows import joined
from train.confidence.stand_ins import stand_ins
from train.confidence.thresholds import ASKED, Asked

TEACHING_VIEWS, JUDGING_VIEWS = 2, 8
NOTHING = "~nothing"  # a kind of the others; "~" keeps it apart from folders


@dataclass(frozen=True)
class Settings:
    """What is asked of the decision, and what is looked at for it.

    most: pictures of one kind that are looked at to fit familiarity.
    seed: chooses among them.
    """

    asked: Asked = ASKED
    most: int = 40
    seed: int = 0


@dataclass(frozen=True)
class Looked:
    """All that was looked at; `others` may have no rows.

    background: what is no stone of any kind, and stands for others in every fit.
    """

    teaching: Seen
    judging: Seen
    others: Seen
    background: Seen


@dataclass(frozen=True)
class Confidence:
    """What goes into the bundle, and what was measured.

    judged: what the thresholds were chosen on; by_folds: of a cross-validation.
    """

    familiarity: Familiarity
    decision: Decision
    measured: Measured
    judged: Judged
    by_folds: bool


def look_around(
    bundle: Bundle,
    backend: Backend,
    sides: Sides,
    progress: Progress,
) -> Looked:
    """Run the model on all that fitting and judging need.

    Raises:
        DataError: none of the pictures can be read.
        BackendError: the device failed.
    """
    teaching = look(
        bundle, backend, sides.teaching, progress, "known kinds", extra_views=TEACHING_VIEWS
    )
    extra = look(bundle, backend, sides.extra, progress, "extra pictures")
    judging = look(
        bundle, backend, sides.judging, progress, "kept apart", extra_views=JUDGING_VIEWS
    )
    foreign = look(bundle, backend, sides.others, progress, "other kinds")
    nothing = look_at(bundle, backend, empty_trays(), NOTHING)
    changed = stand_ins(bundle, backend, sides.teaching, progress)
    return Looked(joined([teaching, extra]), judging, foreign, joined([nothing, changed]))


def fit_confidence(
    looked: Looked, labels: tuple[str, ...], settings: Settings, folds: Judged | None = None
) -> Confidence:
    """Fit familiarity and thresholds, and judge both on what did not fit them.

    Args:
        folds: pictures judged by the folds of a cross-validation of the same recipe; thresholds
            are chosen on them. None chooses on `looked.judging`.
    """
    familiarity = fit_with(looked, looked.others, labels)
    judged = folds or judge(looked.judging, familiarity, labels)
    decision = judged.choose(settings.asked)
    measured = measure(looked, labels, settings, fit_with, folds)
    return Confidence(familiarity, decision, measured, judged, by_folds=folds is not None)


def fit_with(looked: Looked, others: Seen, labels: tuple[str, ...]) -> Familiarity:
    """Familiarity by the teaching pictures, the background, and these pictures of other kinds."""
    seen = joined([looked.teaching, others, looked.background])
    return fit_familiarity(seen.embedding, list(seen.kinds), labels)
