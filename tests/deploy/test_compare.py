from __future__ import annotations

import json

import numpy as np
import pytest

from deploy.compare import compare_logits, compare_pictures, compare_precisions, loss_resolution
from deploy.errors import BundleError, DataError
from deploy.folders import find_labelled
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture
from gemscan import main


def squares_and_labels(bundle, folder):
    pictures = find_labelled(folder)
    manifest = bundle.manifest
    squares = [
        preprocess_picture(read_picture(p.path), manifest.framing, manifest.input) for p in pictures
    ]
    return np.stack(squares), [bundle.labels.index(p.label) for p in pictures]


def test_an_int8_model_that_rounds_a_little_passes(tiny_bundle, stones):
    squares, labels = squares_and_labels(tiny_bundle, stones)

    comparison = compare_precisions(tiny_bundle, squares, labels)

    assert (comparison.n, comparison.n_labelled) == (12, 12)
    assert (comparison.top1_fp32, comparison.top1_int8, comparison.agreement) == (1.0, 1.0, 1.0)
    assert 0 < comparison.mean_gap < comparison.largest_gap <= 1.0 / 32 + 1e-6
    assert comparison.failures() == []


def test_an_int8_model_gone_wrong_fails_both_limits(spoilt_bundle, stones):
    squares, labels = squares_and_labels(spoilt_bundle, stones)

    comparison = compare_precisions(spoilt_bundle, squares, labels)

    assert (comparison.top1_int8, comparison.agreement, comparison.loss) == (0.0, 0.0, 1.0)
    agreement, loss = comparison.failures()
    assert "agreement is 0.00%, below the limit of 98.00%" in agreement
    assert "loses 100.00 points" in loss


def test_pictures_of_unknown_classes_count_for_agreement_alone():
    logits = np.eye(3, dtype=np.float32)

    comparison = compare_logits(logits, logits, [0, None, 1])

    assert (comparison.n, comparison.n_labelled, comparison.top1_fp32) == (3, 2, 0.5)
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

    comparison = compare_pictures(bundle, pictures)

    assert (comparison.n, comparison.n_left_out, comparison.n_calibration) == (7, 5, 0)
    assert "5 more were left out" in comparison.summary()


def test_where_all_were_used_for_calibration_they_are_compared_and_it_is_said(
    tiny_bundle, stones, add_json
):
    pictures = find_labelled(stones)
    said = {"digests": {"all": [p.digest() for p in pictures]}}

    comparison = compare_pictures(add_json(tiny_bundle, "calibration.json", said), pictures)

    assert (comparison.n, comparison.n_left_out, comparison.n_calibration) == (12, 0, 12)
    assert "12 of them served for calibration" in comparison.summary()


def test_both_ways_in_give_the_same_numbers(tiny_bundle, stones):
    squares, labels = squares_and_labels(tiny_bundle, stones)
    from_files = compare_pictures(tiny_bundle, find_labelled(stones))
    assert from_files == compare_precisions(tiny_bundle, squares, labels)


def test_an_unreadable_picture_is_left_out(tiny_bundle, stones):
    (stones / "Ruby" / "broken.jpg").write_bytes(b"\xff\xd8")

    comparison = compare_pictures(tiny_bundle, find_labelled(stones))

    assert (comparison.n, len(comparison.unreadable)) == (12, 1)
    assert "1 could not be read" in comparison.summary()


def test_no_readable_picture_is_an_error(tiny_bundle):
    with pytest.raises(DataError, match="no readable picture"):
        compare_pictures(tiny_bundle, [])


def test_a_bundle_with_one_model_cannot_be_compared(int8_bundle, stones):
    with pytest.raises(BundleError, match="holds no fp32 model"):
        compare_pictures(int8_bundle, find_labelled(stones))


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
    assert "failed: INT8 loses" not in printed
