"""A name, a short list, or "refer"."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.decision import LIST, REFER, Decision, decide, probabilities

LABELS = ("Ruby", "Spinel", "Garnet", "Jade", "Opal")
DECISION = Decision(name_at_least=0.6, list_at_least=0.75, list_length=3)


def verdict(*confidences: float):
    return decide(np.array(confidences, np.float32), LABELS, DECISION)


def test_a_confident_label_is_named():
    assert verdict(0.1, 0.7, 0.1, 0.05, 0.05).text == "Spinel"


def test_close_labels_that_cover_the_case_are_listed_fewest_first():
    found = verdict(0.45, 0.4, 0.05, 0.05, 0.05)

    assert (found.kind, found.listed, found.text) == ("list", 2, "Ruby or Spinel")


def test_three_labels_are_listed_when_two_are_not_enough():
    assert verdict(0.3, 0.3, 0.3, 0.05, 0.05).listed == 3


def test_a_flat_answer_is_referred_and_still_shows_its_candidates():
    found = verdict(0.2, 0.2, 0.2, 0.2, 0.2)

    assert found.text == "refer"
    assert len(found.candidates) == 3


def test_what_is_no_number_is_referred():
    for confidences in ([np.nan] * 3, [np.nan, 0.9, 0.1]):
        said = decide(np.array(confidences, np.float32), LABELS, Decision(margin_at_least=0.2))
        assert said.kind == REFER


def test_a_surer_answer_is_not_referred_where_a_less_sure_one_is_listed():
    decision = Decision(name_at_least=0.9, list_at_least=0.8)

    for first in (0.75, 0.85):
        said = decide(np.array([first, 1 - first, 0], np.float32), LABELS, decision)
        assert said.kind == LIST


def test_confidences_sum_to_one_and_survive_large_logits():
    values = probabilities(np.array([[1000.0, 999.0], [-5.0, -5.0]], np.float32), 2.0)

    assert values.sum(axis=1) == pytest.approx([1, 1])
    assert values[0, 0] == pytest.approx(1 / (1 + np.exp(-0.5)), rel=1e-4)


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0.0},
        {"temperature": np.inf},
        {"name_at_least": 1.2},
        {"margin_at_least": -0.1},
        {"list_length": 1},
        {"familiar_at_least": np.nan},
        {"familiar_at_least": -np.inf},
    ],
)
def test_a_threshold_outside_its_range_is_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        Decision(**fields)
