"""The evidence alone, with confidences that are written down."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.bundle import EMBEDDING_SIZE
from deploy.decision import Decision
from edge_app.scanner.evidence import AGREED_S, PATIENCE_S, Evidence

LABELS = ("cat", "dog", "emu")
CAT, DOG, EMU = ([0.9, 0.06, 0.04], [0.06, 0.9, 0.04], [0.04, 0.06, 0.9])
DECISION = Decision(name_at_least=0.6, list_at_least=0.8, list_length=2)


class Fed:
    """Evidence that is given frames at a steady pace."""

    def __init__(self, decision: Decision = DECISION, fps: float = 16.0) -> None:
        self.evidence = Evidence(LABELS, decision)
        self._step_s, self._at_s = 1 / fps, 100.0

    def give(self, confidences, count: int = 1, *, focus: float = 0.8, familiar=None) -> Fed:
        for _ in range(count):
            self.evidence.add(
                np.array(confidences, np.float32),
                familiar,
                np.full(EMBEDDING_SIZE, confidences[0], np.float32),
                focus=focus,
                at_s=self._at_s,
            )
            self._at_s += self._step_s
        return self

    @property
    def said(self) -> str | None:
        return self.evidence.verdict.text if self.evidence.verdict else None


def test_a_verdict_needs_agreement_over_time():
    fed = Fed()
    frames = next(n for n in range(1, 50) if fed.give(CAT).said)

    assert frames == round(AGREED_S * 16) + 1
    assert fed.said == "cat"


def test_a_slow_device_needs_three_frames():
    fed = Fed(fps=2)

    assert fed.give(CAT, 2).said is None
    assert fed.give(CAT).said == "cat"


def test_frames_that_do_not_agree_wait_and_then_what_is_there_must_do():
    fed = Fed(Decision(name_at_least=0.99, list_at_least=0.97, list_length=2), fps=10)
    for i in range(round(PATIENCE_S * 10)):
        fed.give([CAT, DOG, EMU][i % 3] if i % 2 else [0.0, 0.995, 0.005])
    fed.give(CAT)

    assert fed.said == "refer"


def test_one_odd_frame_does_not_change_the_verdict():
    assert Fed().give(CAT, 4).give([0, 0, 1]).give(CAT, 4).said == "cat"


def test_a_blurred_frame_weighs_little():
    sharp = Fed().give(CAT, 2, focus=0.8).give(DOG, 2, focus=0.1)

    assert sharp.evidence.confidences[0] == pytest.approx((0.8 * 0.9 + 0.1 * 0.06) / 0.9, abs=1e-5)


def test_the_average_is_that_of_probabilities_and_keeps_its_sum():
    fed = Fed().give(CAT, 3).give(DOG)

    assert fed.evidence.confidences == pytest.approx(np.average([CAT, CAT, CAT, DOG], axis=0))
    assert fed.evidence.confidences.sum() == pytest.approx(1, abs=1e-5)
    assert fed.evidence.embedding == pytest.approx(np.full(EMBEDDING_SIZE, 0.69), abs=1e-5)


def test_a_view_that_lasted_long_does_not_outvote_the_others():
    fed = Fed().give(CAT, 400)
    for _ in range(2):
        fed.evidence.turn()
        fed.give(DOG, 10)

    assert fed.said == "dog"


def test_turning_for_ever_needs_no_more_memory_and_still_averages():
    fed = Fed()
    for i in range(200):
        fed.evidence.turn()
        fed.give(CAT if i % 2 else DOG)

    assert len(fed.evidence._views) < 30
    assert fed.evidence.confidences[:2] == pytest.approx([0.48, 0.48], abs=0.05)


def test_a_refined_verdict_must_be_agreed_on_as_well():
    fed = Fed().give(CAT, 8)
    fed.evidence.turn()

    before = fed.give(DOG, 40, focus=1.0).said
    fed.evidence.turn()
    assert fed.give(DOG, 2, focus=1.0).said == before
    assert fed.give(DOG, 40, focus=1.0).said == "dog"


def test_close_ones_are_a_list():
    fed = Fed().give([0.5, 0.45, 0.05], 8)

    assert fed.said == "cat or dog"


def test_a_list_whose_order_wavers_is_one_verdict():
    fed = Fed()
    for i in range(8):
        fed.give([0.49, 0.46, 0.05] if i % 2 else [0.45, 0.5, 0.05])

    assert fed.evidence.verdict is not None
    assert fed.evidence.verdict.kind == "list"


def test_a_stranger_is_referred_and_one_odd_score_does_not_do_it():
    decision = Decision(familiar_at_least=0.0)

    assert Fed(decision).give(CAT, 8, familiar=-30.0).evidence.verdict.unfamiliar
    known = Fed(decision).give(CAT, 4, familiar=6.0).give(CAT, familiar=-900.0)
    assert known.give(CAT, 4, familiar=6.0).said == "cat"
    assert known.evidence.familiarity == pytest.approx((8 * 6 - 10) / 9, abs=1e-4)


def test_another_stone_starts_from_nothing():
    fed = Fed().give(CAT, 8)
    fed.evidence.clear()

    assert fed.said is None
    assert fed.give(DOG, 8).evidence.confidences == pytest.approx(DOG)
