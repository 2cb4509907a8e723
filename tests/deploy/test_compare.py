from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from deploy.backends import open_backend
from deploy.bundle import Bundle
from deploy.errors import DataError
from deploy.evaluation.compare import Comparison, compare_logits, compare_pictures, loss_resolution
from deploy.evaluation.reference import open_reference
from deploy.folders import LabelledPicture, find_labelled
from gemscan import main


def compared(bundle: Bundle, pictures: Sequence[LabelledPicture]) -> Comparison:
    """The INT8 model against the float32 model, both on the CPU."""
    with open_reference(bundle) as reference, open_backend(bundle, precision="int8") as int8:
        return compare_pictures(bundle, pictures, reference, int8)


def test_an_int8_model_that_rounds_a_little_passes(tiny_bundle, stones):
    comparison = compared(tiny_bundle, find_labelled(stones))

    assert (comparison.n, comparison.n_labelled) == (12, 12)
    assert (comparison.top1_reference, comparison.top1_candidate, comparison.agreement) == (
        1.0,
        1.0,
        1.0,
    )
    assert 0 < comparison.mean_gap < comparison.largest_gap <= 1.0 / 32 + 1e-6
    assert comparison.failures() == []


def test_an_int8_model_gone_wrong_fails_both_limits(spoilt_bundle, stones):
    comparison = compared(spoilt_bundle, find_labelled(stones))

    assert (comparison.top1_candidate, comparison.agreement, comparison.loss) == (0.0, 0.0, 1.0)
    agreement, loss = comparison.failures()
    assert "agreement is 0.00%, below the limit of 98.00%" in agreement
    assert "loses 100.00 points" in loss


def test_a_loss_of_just_the_limit_passes_and_one_picture_more_does_not():
    """Of 200 pictures the half point that is allowed is one picture, however many are right."""
    wrong, right = np.array([0, 1], np.float32), np.array([1, 0], np.float32)
    for count in range(2, 201):
        fp32, one, two = (
            np.where(np.arange(200)[:, None] < count - lost, right, wrong) for lost in (0, 1, 2)
        )
        assert compare_logits(fp32, one, [0] * 200).failures() == []
        assert "loses 1.00 points" in compare_logits(fp32, two, [0] * 200).failures(0.9)[0]


def test_pictures_of_unknown_classes_count_for_agreement_alone():
    logits = np.eye(3, dtype=np.float32)

    comparison = compare_logits(logits, logits, [0, None, 1])

    assert (comparison.n, comparison.n_labelled, comparison.top1_reference) == (3, 2, 0.5)
    assert comparison.agreement == 1.0


def test_without_labels_accuracy_is_not_measured_and_not_failed():
    logits = np.eye(3, dtype=np.float32)

    comparison = compare_logits(logits, logits, [None, None, None])

    assert "not measured" in comparison.summary()
    assert comparison.failures() == []


def test_gaps_are_those_of_the_logits():
    fp32 = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    int8 = np.array([[1.5, 0.0], [0.0, 1.0]], np.float32)

    comparison = compare_logits(fp32, int8, [0, 1])

    assert (comparison.largest_gap, comparison.mean_gap) == (1.0, 0.375)


def test_a_difference_that_may_be_chance_is_called_so():
    """One picture of a hundred is no finding; thirty are."""
    fp32 = np.tile(np.array([[1.0, 0.0]], np.float32), (100, 1))
    one, thirty = fp32.copy(), fp32.copy()
    one[0], thirty[:30] = [0, 1], [0, 1]

    assert "may be chance" in compare_logits(fp32, one, [0] * 100).summary()
    assert "may be chance" not in compare_logits(fp32, thirty, [0] * 100).summary()


def test_no_disagreement_among_few_pictures_still_leaves_room():
    right = np.ones(50, bool)
    assert loss_resolution(right, right) == pytest.approx(1.96 / 52)


def test_pictures_used_for_calibration_are_left_out(tiny_bundle, stones, add_json):
    pictures = find_labelled(stones)
    digests = [p.digest() for p in pictures]
    bundle = add_json(tiny_bundle, "calibration.json", {"digests": {"all": digests[:5]}})

    comparison = compared(bundle, pictures)

    assert (comparison.n, comparison.n_left_out, comparison.n_calibration) == (7, 5, 0)
    assert "5 more were left out" in comparison.summary()


def test_where_all_were_used_for_calibration_they_are_compared_and_it_is_said(
    tiny_bundle, stones, add_json
):
    pictures = find_labelled(stones)
    said = {"digests": {"all": [p.digest() for p in pictures]}}

    comparison = compared(add_json(tiny_bundle, "calibration.json", said), pictures)

    assert (comparison.n, comparison.n_left_out, comparison.n_calibration) == (12, 0, 12)
    assert "12 of them served for calibration" in comparison.summary()


def test_pictures_that_a_calibrator_of_the_device_saw_are_left_out_too(tiny_bundle, stones):
    pictures = find_labelled(stones)
    with open_reference(tiny_bundle) as reference, open_backend(tiny_bundle) as int8:
        comparison = compare_pictures(
            tiny_bundle, pictures, reference, int8, also_calibrated=[pictures[0].digest()]
        )

    assert (comparison.n, comparison.n_left_out) == (11, 1)


def test_an_unreadable_picture_is_left_out(tiny_bundle, stones):
    (stones / "Ruby" / "broken.jpg").write_bytes(b"\xff\xd8")

    comparison = compared(tiny_bundle, find_labelled(stones))

    assert (comparison.n, len(comparison.unreadable)) == (12, 1)
    assert "1 could not be read" in comparison.summary()


def test_no_readable_picture_is_an_error(tiny_bundle):
    with pytest.raises(DataError, match="no readable picture"):
        compared(tiny_bundle, [])


def test_a_bundle_without_float32_is_compared_with_the_float_form_of_its_int8_model(
    int8_bundle, stones, caplog
):
    comparison = compared(int8_bundle, find_labelled(stones))

    assert (comparison.n, comparison.agreement) == (12, 1.0)
    assert 0 < comparison.largest_gap <= 1.0 / 32 + 1e-6  # Q/DQ is gone from the reference alone
    assert "holds no float32 model" in caplog.text


def test_the_command_passes_and_writes_the_numbers(tiny_bundle, stones, tmp_path, capsys):
    out = tmp_path / "out.json"

    assert main(["compare", str(tiny_bundle.root), str(stones), "--json", str(out)]) == 0

    assert capsys.readouterr().out.endswith("passed\n")
    said = json.loads(out.read_text())
    assert (said["passed"], said["agreement"], said["loss"]) == (True, 1.0, 0.0)


def test_the_command_fails_with_the_limit_that_was_not_held(spoilt_bundle, stones, capsys):
    words = ["compare", str(spoilt_bundle.root), str(stones), "--max-loss", "1"]

    assert main(words) == 1

    printed = capsys.readouterr().out
    assert "failed: agreement" in printed
    assert "loses" not in printed
