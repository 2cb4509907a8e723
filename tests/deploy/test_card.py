"""The card: what a bundle says of itself in words, and no more than was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import gemscan
from deploy.bundle import Bundle, edit_bundle, load_bundle
from deploy.evaluation.card import card

SHIPPED = Path(__file__).parents[2] / "edge_app" / "models"
ESTIMATE = {
    "method": "grouped cross-validation",
    "n": 600,
    "top1": 0.9,
    "top1_interval_95": [0.874, 0.922],
    "folds": [],
    "note": "of another recipe than this model's: epochs 20, not 10",
}


def with_metrics(bundle: Bundle, **metrics: object) -> Bundle:
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        draft.manifest = replace(bundle.manifest, metrics=metrics)
    return load_bundle(bundle.root)


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_bundle_of_which_nothing_was_measured_says_that_there_is_no_estimate(tiny_bundle: Bundle):
    said = card(tiny_bundle)

    assert "tiny, version 1" in said
    assert "3: Ruby, Emerald, Lapis Lazuli" in said
    assert "estimate      none was made by folds" in said
    assert "%" not in said


def test_an_estimate_has_its_interval_its_method_and_its_note(tiny_bundle: Bundle):
    said = in_one_line(card(with_metrics(tiny_bundle, cross_validation=ESTIMATE)))

    assert "90.0% of 600 unseen photographs (95 % interval 87.4% to 92.2%)" in said
    assert "grouped cross-validation of another recipe than this model's" in said
    assert "none was made" not in said


@pytest.mark.parametrize("name", ["gems15", "gems68"])
def test_the_shipped_bundles_say_their_own_numbers(name: str):
    bundle = load_bundle(SHIPPED / name)
    metrics = bundle.manifest.metrics

    said = in_one_line(card(bundle))

    known, validation = metrics["confidence"]["known"], metrics["validation"]
    assert f"{validation['top1']:.1%} of {validation['n']} validation pictures" in said
    named, listed, referred = (known[fate]["share"] for fate in ("named", "listed", "referred"))
    assert (
        f"names {named:.1%} ({known['named_right']['share']:.1%} of them right), lists {listed:.1%}"
    ) in said
    assert f"refers {referred:.1%}" in said
    estimate = metrics["cross_validation"]
    assert f"{estimate['top1']:.1%} of {estimate['n']:,} unseen photographs" in said
    assert f"taught by     {bundle.manifest.provenance['training']['pictures']:,}" in card(bundle)
    for evaluation in metrics["evaluation"]:
        assert f"refers {evaluation['unknown']['referred']:.1%}" in said


def test_pictures_that_taught_the_model_are_said_to_have(tiny_bundle: Bundle):
    nothing = {"n": 0, "top1": None, "top1_low": None, "top1_high": None}
    taught = {"n": 12, "top1": 1.0, "top1_low": 0.757, "top1_high": 1.0}
    measured = {"pictures": "mine", "precision": "int8", "backend": "onnx-cpu"}
    measured |= {"unseen": nothing, "validation": nothing, "seen": taught, "unknown": {"n": 0}}

    said = in_one_line(card(with_metrics(tiny_bundle, evaluation=[measured])))

    assert "100.0% of 12 of mine, which taught it (95 % interval 75.7% to 100.0%)" in said
    assert "INT8, onnx-cpu" in said


def test_unknown_kinds_that_taught_or_fitted_are_told_of(tiny_bundle: Bundle):
    score = {"n": 0, "top1": None, "top1_low": None, "top1_high": None}
    unknown = {"n": 9, "named": 0.0, "listed": 0.0, "referred": 1.0, "classes": ["Opal"]}
    measured = {"pictures": "mine", "precision": "int8", "backend": "onnx-cpu"}
    measured |= dict.fromkeys(("unseen", "validation", "seen"), score)
    measured["unknown"] = unknown | {"taught": 9, "fitted": 4}

    said = in_one_line(card(with_metrics(tiny_bundle, evaluation=[measured])))

    assert "refers 100.0%, of 9 of 1 kinds that it does not know" in said
    assert "9 of them taught the network and 4 of them fitted familiarity" in said


def test_an_evaluation_whose_decision_is_another_now_says_its_accuracy_alone(tiny_bundle: Bundle):
    """`gemscan confidence` takes the verdicts out of what `evaluate --save` wrote."""
    score = {"n": 5, "top1": 0.8, "top1_low": 0.4, "top1_high": 0.9}
    measured = {"pictures": "mine", "precision": "int8", "backend": "onnx-cpu"}
    measured |= dict.fromkeys(("unseen", "validation", "seen"), score)

    assert "80.0% of 5 of mine" in in_one_line(
        card(with_metrics(tiny_bundle, evaluation=[measured]))
    )


def test_lines_end_between_names_and_not_within_one():
    lines = card(load_bundle(SHIPPED / "gems68"), columns=60).splitlines()

    assert max(map(len, lines)) <= 60
    assert any("Sapphire Yellow" in line for line in lines)
    assert not any("\u00a0" in line for line in lines)


def test_metrics_that_nobody_here_wrote_are_refused_in_one_sentence(
    tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
):
    with_metrics(tiny_bundle, validation={"top1": "good"})

    assert gemscan.main(["card", str(tiny_bundle.root)]) == 2

    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "in a way that gemscan does not know" in told
