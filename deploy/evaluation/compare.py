"""Does a model say what the float32 model says? Measured on the same pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deploy.arrays import FloatArray
from deploy.backends.base import Backend, Prediction
from deploy.bundle import Bundle
from deploy.errors import DataError
from deploy.evaluation.limits import MAX_LOSS, MIN_AGREEMENT
from deploy.evaluation.reading import CALIBRATION, LabelMatcher, ReadPicture, read_ahead
from deploy.familiarity import Familiarity, read_familiarity
from deploy.folders import LabelledPicture

ROUNDING = 1e-9  # one picture of 200 is a loss of 0.005, and 199 / 200 - 198 / 200 a little more


@dataclass(frozen=True)
class Comparison:
    """A candidate against a reference, which is float32.

    n: pictures compared.
    n_labelled: those of them whose class the bundle knows; accuracy is over these.
    top1_reference, top1_candidate: parts of `n_labelled`, 0 to 1; NaN where there are none.
    resolution: half of the 95 % confidence interval of the loss, see `loss_resolution`.
    agreement: part of the n pictures with the same most probable label.
    largest_gap, mean_gap: of the absolute differences between the logits.
    n_calibration: of the n pictures, those that chose the INT8 ranges.
    n_left_out: pictures not compared, since they chose the ranges and there were others.
    unreadable: files that could not be read, and why is in the log.
    familiar_reference, familiar_candidate: parts of `n_labelled` that pass as familiar; NaN where
        there are none, or the bundle does not tell.
    reference, candidate: what ran them.
    """

    n: int
    n_labelled: int
    top1_reference: float
    top1_candidate: float
    resolution: float
    agreement: float
    largest_gap: float
    mean_gap: float
    n_calibration: int = 0
    n_left_out: int = 0
    unreadable: tuple[str, ...] = ()
    familiar_reference: float = math.nan
    familiar_candidate: float = math.nan
    reference: str = "float32"
    candidate: str = "the candidate"

    @property
    def loss(self) -> float:
        """How much top-1 accuracy the candidate loses; negative where it gains; NaN unlabelled."""
        return self.top1_reference - self.top1_candidate

    def failures(
        self, min_agreement: float = MIN_AGREEMENT, max_loss: float = MAX_LOSS
    ) -> list[str]:
        """One sentence for each limit that is not held; empty when the candidate passes."""
        failed = []
        if self.agreement < min_agreement:
            failed.append(
                f"agreement is {self.agreement:.2%}, below the limit of {min_agreement:.2%}"
            )
        if self.loss > max_loss + ROUNDING:
            failed.append(
                f"{self.candidate} loses {100 * self.loss:.2f} points of top-1, "
                f"above the limit of {100 * max_loss:.2f}"
            )
        return failed

    def summary(self) -> str:
        """What was measured, in a few lines."""
        lines = [
            f"pictures      {self.n}{self._notes()}",
            *self._accuracy(),
            f"agreement     {self.agreement:.2%} have the same most probable label",
            *self._familiar(),
            f"logits        largest gap {self.largest_gap:.3f}, mean gap {self.mean_gap:.4f}",
        ]
        return "\n".join(lines)

    def _familiar(self) -> list[str]:
        if math.isnan(self.familiar_reference):
            return []
        return [
            f"familiar      {self.reference} {self.familiar_reference:.2%}, "
            f"{self.candidate} {self.familiar_candidate:.2%} of the {self.n_labelled} known stones"
        ]

    def _notes(self) -> str:
        notes = []
        if self.n_left_out:
            notes.append(f"{self.n_left_out} more were left out, having served for calibration")
        if self.n_calibration:
            notes.append(f"{self.n_calibration} of them served for calibration")
        if self.unreadable:
            notes.append(f"{len(self.unreadable)} could not be read")
        return f" ({'; '.join(notes)})" if notes else ""

    def _accuracy(self) -> list[str]:
        if not self.n_labelled:
            return ["top-1         not measured: no picture is of a class that the bundle knows"]
        lines = [
            f"top-1         {self.reference} {self.top1_reference:.2%}, "
            f"{self.candidate} {self.top1_candidate:.2%} "
            f"(loss {100 * self.loss:+.2f} points, n = {self.n_labelled})",
        ]
        if abs(self.loss) < self.resolution:
            lines.append(
                f"              {self.n_labelled} pictures resolve ±{100 * self.resolution:.2f} "
                "points: a smaller difference, as here, may be chance"
            )
        return lines


def compare_pictures(
    bundle: Bundle,
    pictures: Sequence[LabelledPicture],
    reference: Backend,
    candidate: Backend,
    *,
    also_calibrated: Collection[str] = (),
    progress: Callable[[], None] = lambda: None,
) -> Comparison:
    """Run two backends of a bundle on picture files, of which a few at a time are in memory.

    Pictures that chose the INT8 ranges are left out, unless there are no others.

    Args:
        also_calibrated: digests of pictures that chose ranges too, and that the bundle does not
            know of.
        progress: called after each picture.

    Raises:
        DataError: none of the pictures can be read.
        BackendError: a device failed.
    """
    matcher, familiarity = LabelMatcher(bundle.labels), read_familiarity(bundle)
    least = bundle.manifest.decision.familiar_at_least
    rows: list[tuple[bool, int | None, FloatArray, FloatArray, tuple[bool, bool]]] = []
    unreadable = []
    for read in read_ahead(bundle, pictures):
        if read.square is None:
            unreadable.append(str(read.picture.path))
        else:
            label = matcher.index(read.picture.label)
            one, other = (backend.infer(read.square[None]) for backend in (reference, candidate))
            passed = _passes(familiarity, one, least), _passes(familiarity, other, least)
            calibrated = _calibrated(read, also_calibrated)
            rows.append((calibrated, label, one.logits[0], other.logits[0], passed))
        progress()
    fresh = [row for row in rows if not row[0]]
    kept = fresh or rows
    _, labels, ours, theirs, _ = zip(*kept, strict=True) if kept else ((), (), (), (), ())
    familiar = [row[4] for row in kept if row[1] is not None and familiarity is not None]
    shares = np.mean(familiar, axis=0) if familiar else (math.nan, math.nan)
    return replace(
        compare_logits(_stack(ours), _stack(theirs), labels),
        familiar_reference=float(shares[0]),
        familiar_candidate=float(shares[1]),
        reference=title(reference),
        candidate=title(candidate),
        n_calibration=0 if fresh else len(rows),
        n_left_out=len(rows) - len(kept),
        unreadable=tuple(unreadable),
    )


def title(backend: Backend) -> str:
    """A backend and its precision in a few words."""
    return f"{backend.name} {backend.precision}"


def compare_logits(
    reference: FloatArray, candidate: FloatArray, labels: Sequence[int | None]
) -> Comparison:
    """Compare (N, C) logits of two models.

    Raises:
        DataError: N is 0.
    """
    if not len(reference):
        raise DataError("there is no readable picture to compare the two models on. Give others.")
    named = np.stack([reference.argmax(axis=1), candidate.argmax(axis=1)])
    known = np.array([label is not None for label in labels], bool)
    truth = np.array([label for label in labels if label is not None], np.int64)
    right = named[:, known] == truth
    gaps = np.abs(reference - candidate)
    return Comparison(
        n=len(reference),
        n_labelled=len(truth),
        top1_reference=float(right[0].mean()) if len(truth) else math.nan,
        top1_candidate=float(right[1].mean()) if len(truth) else math.nan,
        resolution=loss_resolution(right[0], right[1]),
        agreement=float((named[0] == named[1]).mean()),
        largest_gap=float(gaps.max()),
        mean_gap=float(gaps.mean()),
    )


def loss_resolution(right_a: npt.NDArray[np.bool_], right_b: npt.NDArray[np.bool_]) -> float:
    """Half the 95 % confidence interval of the difference of two accuracies on the same pictures.

    Only pictures on which exactly one model is right tell the two apart, so this is far finer
    than two separate intervals, and still not zero when there is no such picture.

    Source: Agresti and Min 2005, "Simple improved confidence intervals for comparing matched
        proportions": Wald's interval after adding 0.5 to each cell of the 2 by 2 table.
    """
    n = len(right_a) + 2
    only_a = np.count_nonzero(right_a & ~right_b) + 0.5
    only_b = np.count_nonzero(right_b & ~right_a) + 0.5
    variance = (only_a + only_b - (only_a - only_b) ** 2 / n) / n**2
    return float(1.96 * math.sqrt(variance))


def _passes(familiarity: Familiarity | None, made: Prediction, least: float | None) -> bool:
    """Whether one picture passes as familiar, as all do where the bundle does not tell."""
    if familiarity is None or least is None:
        return True
    return familiarity.score(made.logits[0], made.embedding[0]) >= least


def _stack(logits: Sequence[FloatArray]) -> FloatArray:
    return np.stack(logits) if logits else np.empty((0, 0), np.float32)


def _calibrated(read: ReadPicture, also: Collection[str]) -> bool:
    return CALIBRATION in read.uses or bool(also and read.picture.digest() in also)
