"""Which pictures TensorRT's calibrator looks at."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from calibration import calibrator_pictures
from calibration.calibrate import Settings, calibrate_bundle
from calibration.calibrator_pictures import calibration_pictures, kept_images
from calibration.pictures import find_candidates
from deploy.bundle import Bundle, edit_bundle, load_bundle
from deploy.errors import DataError
from deploy.files import write_json
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture

TWELVE = Settings(count=12, method="minmax", threads=1, keep_images=True)


@pytest.fixture
def calibrated(float_bundle: Bundle, stones: Path) -> Bundle:
    """Twelve of the thirty stones chose its ranges, and their squares are kept in it."""
    calibrate_bundle(float_bundle, stones, TWELVE)
    return load_bundle(float_bundle.root)


def all_of(digests: dict[str, list[str]]) -> list[str]:
    return sorted(digest for part in digests.values() for digest in part)


def with_record(bundle: Bundle, name: str, said: object) -> Bundle:
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        write_json(draft.root / name, said)
    return load_bundle(bundle.root)


def paths_by_digest(stones: Path, bundle: Bundle) -> dict[str, Path]:
    return {found.digest(): found.path for found in find_candidates(stones, bundle.labels)}


def test_the_pictures_of_the_bundles_own_calibration_are_taken_where_they_are_at_hand(
    calibrated: Bundle, stones: Path
):
    """So that the two ways to INT8 differ in the way alone."""
    found = calibration_pictures(calibrated, stones)

    assert found.digests.keys() == {"ruby", "emerald", "lapis_lazuli"}
    assert all_of(found.digests) == all_of(calibrated.read_json("calibration.json")["digests"])
    assert len(found.squares) == 12


def test_each_square_is_what_preprocessing_makes_of_its_picture(calibrated: Bundle, stones: Path):
    paths = paths_by_digest(stones, calibrated)
    manifest = calibrated.manifest

    found = calibration_pictures(calibrated, stones)

    expected = sorted(
        preprocess_picture(read_picture(paths[d]), manifest.framing, manifest.input).tobytes()
        for d in all_of(found.digests)
    )
    assert sorted(square.tobytes() for square in found.squares) == expected
    for square in found.squares:
        assert (square.shape, square.dtype) == ((64, 64, 3), np.uint8)
        assert square.flags.c_contiguous


def test_without_a_folder_the_kept_squares_serve_and_are_the_same_bytes(
    calibrated: Bundle, stones: Path
):
    kept, chosen = calibration_pictures(calibrated, None), calibration_pictures(calibrated, stones)

    assert {c: sorted(d) for c, d in kept.digests.items()} == {
        c: sorted(d) for c, d in chosen.digests.items()
    }
    assert sorted(s.tobytes() for s in kept.squares) == sorted(s.tobytes() for s in chosen.squares)
    assert len(kept_images(calibrated)) == 12


def test_in_a_folder_with_too_few_of_them_others_are_chosen(calibrated: Bundle, stones: Path):
    used = all_of(calibrated.read_json("calibration.json")["digests"])
    paths = paths_by_digest(stones, calibrated)
    for digest in used[:5]:  # seven are left, one less than will do
        paths[digest].unlink()

    found = calibration_pictures(calibrated, stones)

    assert len(found.squares) == 25
    assert not set(all_of(found.digests)) & set(used[:5])


def test_a_bundle_that_was_never_calibrated_chooses_evenly_over_the_classes(
    float_bundle: Bundle, stones: Path, monkeypatch
):
    monkeypatch.setattr(calibrator_pictures, "COUNT", 9)

    found = calibration_pictures(float_bundle, stones)

    assert {label: len(part) for label, part in found.digests.items()} == {
        "ruby": 3,
        "emerald": 3,
        "lapis_lazuli": 3,
    }


@pytest.mark.parametrize("which", ["float_bundle", "calibrated"])
def test_pictures_kept_for_validation_are_never_shown(which, stones: Path, request):
    bundle: Bundle = request.getfixturevalue(which)
    paths = paths_by_digest(stones, bundle)
    used = bundle.read_json("calibration.json").get("digests", {})
    validation = sorted(set(paths) - set(all_of(used)))[:10]
    bundle = with_record(bundle, "training.json", {"training": [], "validation": validation})

    found = calibration_pictures(bundle, stones)

    assert found.squares
    assert not set(all_of(found.digests)) & set(validation)


def test_even_those_that_served_for_both_are_not_shown(calibrated: Bundle, stones: Path):
    used = all_of(calibrated.read_json("calibration.json")["digests"])
    said = {"training": [], "validation": used[:2]}
    bundle = with_record(calibrated, "training.json", said)

    found = calibration_pictures(bundle, stones)

    assert all_of(found.digests) == used[2:]


def test_without_any_picture_the_user_is_told_both_ways_to_give_some(float_bundle: Bundle):
    with pytest.raises(DataError, match=r"--images DIR(.|\n)*--keep-images"):
        calibration_pictures(float_bundle, None)


@pytest.mark.parametrize("left", [0, 7])
def test_a_folder_with_too_few_is_refused(float_bundle: Bundle, stones: Path, left):
    for path in sorted(stones.rglob("*.png"))[left:]:
        path.unlink()

    with pytest.raises(DataError):
        calibration_pictures(float_bundle, stones)


def test_files_that_cannot_be_read_are_left_out_by_name(float_bundle: Bundle, stones: Path, caplog):
    broken = next(stones.rglob("*.png"))
    broken.write_bytes(b"no picture")
    shutil.copy(broken, broken.with_name("copy.png"))

    found = calibration_pictures(float_bundle, stones)

    assert len(found.squares) == 29
    assert broken.name in caplog.text
