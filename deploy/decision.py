"""From logits to what the operator reads: a name, a short list, or "refer"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deploy.arrays import FloatArray

NAME, LIST, REFER = "name", "list", "refer"


@dataclass(frozen=True)
class Decision:
    """Thresholds on the softmax confidence, chosen when the bundle was made.

    temperature: logits are divided by it before the softmax (Guo et al. 2017, "On Calibration
        of Modern Neural Networks").
    name_at_least: the first label is named from this confidence on …
    margin_at_least: … if it is so much surer than the second.
    list_at_least: otherwise the fewest labels, two or more, that reach this together, if
        `list_length` do.
    familiar_at_least: a stone below this familiarity (`deploy/familiarity.py`) is referred,
        however sure the model is. None: the bundle cannot tell, and all are taken as familiar.
    """

    temperature: float = 1.0
    name_at_least: float = 0.5
    margin_at_least: float = 0.0
    list_at_least: float = 0.8
    list_length: int = 4
    familiar_at_least: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature must be above 0, not {self.temperature}")
        for name in ("name_at_least", "margin_at_least", "list_at_least"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        if self.list_length < 2:
            raise ValueError(f"list_length must be at least 2, not {self.list_length}")
        if self.familiar_at_least is not None and not math.isfinite(self.familiar_at_least):
            raise ValueError(f"familiar_at_least must be a number, not {self.familiar_at_least}")


@dataclass(frozen=True)
class Candidate:
    """One label and how sure the model is of it, 0 to 1."""

    label: str
    confidence: float


@dataclass(frozen=True)
class Verdict:
    """What is said of one stone.

    kind: "name", "list" or "refer".
    candidates: most confident first, `list_length` of them or all labels. For "list" the first
        `listed` are meant; for the other kinds they are there to be shown.
    unfamiliar: it is referred since it looks like none of the kinds that the model knows.
    """

    kind: str
    candidates: tuple[Candidate, ...]
    listed: int = 0
    unfamiliar: bool = False

    @property
    def meant(self) -> tuple[str, ...]:
        """What the stone is said to be: one label, those of a list, or none."""
        count = {NAME: 1, LIST: self.listed}.get(self.kind, 0)
        return tuple(candidate.label for candidate in self.candidates[:count])

    @property
    def text(self) -> str:
        """The verdict in one line, for the screen and the log."""
        return " or ".join(self.meant) or "refer"


def probabilities(logits: FloatArray, temperature: float) -> FloatArray:
    """Softmax over the last axis of (..., C) logits divided by the temperature, as float32."""
    scaled = logits / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def decide(
    confidences: FloatArray,
    labels: Sequence[str],
    decision: Decision,
    familiarity: float | None = None,
) -> Verdict:
    """Turn (C,) confidences, which sum to 1, into a verdict.

    Args:
        familiarity: of the picture; must be given where the decision asks for it.

    Raises:
        ValueError: the decision asks for the familiarity, and there is none.
    """
    order = np.argsort(confidences)[::-1][: decision.list_length]
    candidates = tuple(Candidate(labels[i], float(confidences[i])) for i in order)
    if not np.isfinite(confidences).all():  # a device that computes nonsense knows nothing
        return Verdict(REFER, candidates)
    if not _familiar(decision, familiarity):
        return Verdict(REFER, candidates, unfamiliar=True)
    first, second = candidates[0].confidence, candidates[1].confidence
    if first >= decision.name_at_least and first - second >= decision.margin_at_least:
        return Verdict(NAME, candidates)
    together = np.cumsum([c.confidence for c in candidates])
    # A first label that alone is sure enough for a list may miss a name's threshold, or its margin.
    listed = max(2, int(np.searchsorted(together, decision.list_at_least)) + 1)
    if listed <= len(candidates):
        return Verdict(LIST, candidates, listed)
    return Verdict(REFER, candidates)


def _familiar(decision: Decision, familiarity: float | None) -> bool:
    if decision.familiar_at_least is None:
        return True
    if familiarity is None:
        raise ValueError("the decision asks for the familiarity of the picture")
    return familiarity >= decision.familiar_at_least
