"""Scoring a bundle on labelled photographs, the way a device would read each of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from deploy.arrays import FloatArray, Json
from deploy.backends import Backend
from deploy.bundle import Bundle
from deploy.decision import decide, probabilities
from deploy.errors import DataError
from deploy.evaluation.reading import (
    CALIBRATION,
    CONFIDENCE,
    TRAINING,
    VALIDATION,
    LabelMatcher,
    ReadPicture,
    read_ahead,
)
from deploy.evaluation.scores import (
    ClassScore,
    Decided,
    Score,
    Scored,
    auroc,
    score,
    score_classes,
    score_decisions,
)
from deploy.familiarity import Familiarity, read_familiarity
from deploy.files import without_nan
from deploy.folders import LabelledPicture

TITLES = {"fp32": "float32", "int8": "INT8", "fp16": "FP16"}  # a precision as a reader knows it


@dataclass(frozen=True)
class Evaluation:
    """What a bundle made of labelled pictures.

    labels: the bundle's.
    pictures: every picture that could be read, of known and unknown classes.
    unreadable: files that could not be read; why is in the log.
    backend, precision: what ran the model.
    images_per_s: read from file, prepared and classified.
    logits: (N, C) float32, of `pictures` in their order.
    """

    labels: tuple[str, ...]
    pictures: tuple[Scored, ...]
    unreadable: tuple[str, ...]
    backend: str
    precision: str
    images_per_s: float
    logits: FloatArray = field(repr=False, compare=False)

    @property
    def known(self) -> list[Scored]:
        """The pictures of classes that the bundle knows."""
        return [p for p in self.pictures if p.known]

    @property
    def unknown(self) -> list[Scored]:
        """The pictures of classes that it does not know: the right answer is "refer"."""
        return [p for p in self.pictures if not p.known]

    @property
    def overall(self) -> Score:
        """Over all pictures of known classes."""
        return score(self.known)

    @property
    def seen(self) -> Score:
        """Over the pictures the model was trained on, which says little."""
        return score(self._used_for(TRAINING))

    @property
    def validation(self) -> Score:
        """Over the pictures that chose among training's results, which flatters a little."""
        trained = set(self._used_for(TRAINING))
        return score([p for p in self._used_for(VALIDATION) if p not in trained])

    @property
    def unseen(self) -> Score:
        """Over the pictures that neither training nor validation used."""
        return score([p for p in self.known if not {TRAINING, VALIDATION} & set(p.uses)])

    @property
    def n_calibration(self) -> int:
        """Pictures of known classes that chose the INT8 ranges."""
        return len(self._used_for(CALIBRATION))

    @property
    def n_chose(self) -> int:
        """Pictures of known classes that chose the thresholds, which flatters the decision."""
        return len(self._used_for(CONFIDENCE))

    @property
    def n_fitted(self) -> int:
        """Pictures of unknown classes that fitted familiarity, which knows them since."""
        return sum(CONFIDENCE in p.uses for p in self.unknown)

    @property
    def n_taught_unknown(self) -> int:
        """Pictures of unknown classes that taught the network, whose head has lost them again."""
        return sum(TRAINING in p.uses for p in self.unknown)

    @property
    def decided(self) -> Decided:
        """The decision, over pictures of known classes."""
        return score_decisions(self.known)

    @property
    def decided_unknown(self) -> Decided:
        """The decision, over pictures of unknown classes, of which each name is wrong."""
        return score_decisions(self.unknown)

    @property
    def familiar_auroc(self) -> float:
        """How often a known stone is more familiar than one of an unknown class, 0 to 1."""
        return auroc(*(_familiarities(side) for side in (self.known, self.unknown)))

    @property
    def per_class(self) -> list[ClassScore]:
        """One row for each class with pictures."""
        return score_classes(self.pictures, self.labels)

    def _used_for(self, use: str) -> list[Scored]:
        return [p for p in self.known if use in p.uses]

    def summary_json(self) -> Json:
        """All but the rows per picture. Numbers that do not exist are null."""
        said: Json = {
            **asdict(self.overall),
            "precision": self.precision,
            "backend": self.backend,
            "images_per_s": self.images_per_s,
            "unreadable": list(self.unreadable),
            "seen": asdict(self.seen),
            "validation": asdict(self.validation),
            "unseen": asdict(self.unseen),
            "calibration": {"n": self.n_calibration},
            "decision": {**asdict(self.decided), "chose": self.n_chose},
            "unknown": {
                **asdict(self.decided_unknown),
                "taught": self.n_taught_unknown,
                "fitted": self.n_fitted,
                "familiar_auroc": self.familiar_auroc,
                "classes": self._unknown_classes(),
            },
            "per_class": [asdict(row) for row in self.per_class],
        }
        return {name: without_nan(value) for name, value in said.items()}

    def to_json(self) -> Json:
        """The summary and a row for each picture."""
        rows = without_nan([asdict(p) for p in self.pictures])
        return {**self.summary_json(), "pictures": rows}

    def _unknown_classes(self) -> list[str]:
        return sorted({p.label for p in self.unknown})


def served(taught: int, fitted: int) -> str:
    """What pictures of unknown kinds did for the bundle before; empty where they did nothing."""
    did = ((taught, "taught the network"), (fitted, "fitted familiarity"))
    parts = [f"{n:,} of them {what}" for n, what in did if n]
    return f"{' and '.join(parts)}: kinds that did neither fare worse" if parts else ""


def evaluate(
    bundle: Bundle,
    backend: Backend,
    pictures: Sequence[LabelledPicture],
    *,
    progress: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Classify every picture as the live loop would, and score the answers.

    Args:
        backend: opened on this bundle.
        pictures: `label` is a folder's name; case, spaces, "_" and "-" do not matter.
        progress: called after each picture.

    Raises:
        DataError: none of the pictures can be read.
        BackendError: the device failed.
    """
    matcher = LabelMatcher(bundle.labels)
    familiarity = read_familiarity(bundle)
    scored: list[Scored] = []
    answers: list[FloatArray] = []
    unreadable: list[str] = []
    started = time.perf_counter()
    for read in _counted(read_ahead(bundle, pictures), progress):
        if read.square is None:
            unreadable.append(str(read.picture.path))
        else:
            logits, embedding = backend.infer(read.square[None])
            familiar = _familiarity_of(familiarity, logits[0], embedding[0])
            scored.append(_score_one(bundle, matcher, read, logits[0], familiar))
            answers.append(logits[0])
    elapsed_s = time.perf_counter() - started
    if not scored:
        raise DataError(f"none of the {len(pictures)} pictures could be read. Give others.")
    return Evaluation(
        labels=bundle.labels,
        pictures=tuple(scored),
        unreadable=tuple(unreadable),
        backend=backend.name,
        precision=backend.precision,
        images_per_s=len(scored) / elapsed_s,
        logits=np.stack(answers),
    )


def _counted(read: Iterable[ReadPicture], progress: Callable[[], None]) -> Iterable[ReadPicture]:
    for picture in read:
        yield picture
        progress()


def _familiarity_of(
    familiarity: Familiarity | None, logits: FloatArray, embedding: FloatArray
) -> float | None:
    return None if familiarity is None else familiarity.score(logits, embedding)


def _familiarities(pictures: Sequence[Scored]) -> list[float]:
    return [p.familiarity for p in pictures if p.familiarity is not None]


def _score_one(
    bundle: Bundle,
    matcher: LabelMatcher,
    read: ReadPicture,
    logits: FloatArray,
    familiarity: float | None,
) -> Scored:
    decision = bundle.manifest.decision
    confidences = probabilities(logits, decision.temperature)
    verdict = decide(confidences, bundle.labels, decision, familiarity)
    index = matcher.index(read.picture.label)
    label = read.picture.label if index is None else bundle.labels[index]
    return Scored(
        path=str(read.picture.path),
        label=label,
        known=index is not None,
        prediction=verdict.candidates[0].label,
        confidence=verdict.candidates[0].confidence,
        rank=None if index is None else _rank(logits, index),
        kind=verdict.kind,
        offered=index is not None and label in verdict.meant,
        uses=read.uses,
        familiarity=familiarity,
    )


def _rank(logits: FloatArray, index: int) -> int:
    """How many labels come before one. NaN is not below anything, so a broken model never wins."""
    return int((~(logits <= logits[index])).sum())
