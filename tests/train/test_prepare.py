"""From folders of pictures to the two sides."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.errors import DataError
from deploy.folders import LabelledPicture, find_labelled
from deploy.preprocess import InputSpec
from train.data import pictures
from train.data.pictures import read_squares
from train.data.prepare import prepare
from train.data.recorded import is_as_recorded
from train.data.split import KnownSides
from train.settings import LARGEST_PX, LARGEST_SQUARE_PX, OVERSIZE, TrainSettings

SETTINGS = TrainSettings(size_px=32, epochs=2, batch=8, weights="none", seed=4)


def test_extra_pictures_teach_but_never_those_that_validate(blobs: Path, caplog):
    alone = prepare(blobs, SETTINGS)
    helped = prepare(blobs, SETTINGS, extra=blobs)

    assert len(alone.validation.targets) == 3
    assert len(helped.training.targets) == 2 * len(alone.training.targets)
    assert helped.validation.pictures == alone.validation.pictures
    assert set(helped.training.digests).isdisjoint(helped.validation.digests)
    assert "3 extra pictures copy a validation picture" in caplog.text


def test_what_validated_in_the_split_that_is_followed_is_no_extra_picture(
    blobs: Path, more_blobs: Path
):
    """Wherever it lies now: else what judges the earlier run would teach this one."""
    apart = find_labelled(more_blobs)[0].digest()
    own = prepare(blobs, SETTINGS)
    validating = frozenset([*own.validation.digests, apart])
    sides = KnownSides(frozenset(own.training.digests), validating)

    data = prepare(blobs, SETTINGS, extra=more_blobs, sides=sides)

    assert len(data.training.targets) == len(own.training.targets) + 5
    assert apart not in data.training.digests


def test_each_side_holds_the_pixels_and_the_class_of_its_pictures(blobs: Path):
    data = prepare(blobs, SETTINGS, classes=("Sapphire", "Ruby"))

    assert data.labels == ("Sapphire", "Ruby")
    for side, px in ((data.training, 40), (data.validation, 32)):
        squares = read_squares(side.pictures, px, data.framing).pixels
        assert (side.pixels.permute(0, 2, 3, 1).numpy() == squares).all()
        assert [data.labels[i] for i in side.targets] == [p.label for p in side.pictures]


def test_the_split_does_not_depend_on_the_size_of_the_input(blobs: Path):
    """Else weights from a run at another size would have seen what now validates."""
    one, other = (prepare(blobs, replace(SETTINGS, size_px=px)) for px in (32, 72))

    assert one.validation.pictures == other.validation.pictures


def test_a_class_of_which_nothing_can_be_read_is_named(blobs: Path, tmp_path: Path):
    folder = shutil.copytree(blobs, tmp_path / "blobs")
    for path in (folder / "Ruby").iterdir():
        path.write_bytes(b"")

    with pytest.raises(DataError, match="not one picture of Ruby can be read"):
        prepare(folder, SETTINGS)


def test_pictures_that_do_not_fit_into_memory_are_refused_before_they_are_read(
    blobs: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pictures, "available_bytes", lambda: 100_000)

    with pytest.raises(DataError, match=r"need 0\.0 GB of memory"):
        prepare(blobs, SETTINGS)
    assert not pictures.fits(27, 40)


def test_pictures_that_are_not_held_are_split_alike(blobs: Path):
    held = prepare(blobs, SETTINGS, extra=blobs)
    streamed = prepare(blobs, SETTINGS, extra=blobs, hold=lambda count: count < 54)

    assert streamed.training.pixels is None
    assert streamed.validation.pixels is None
    assert streamed.training.pictures == held.training.pictures
    assert streamed.validation.pictures == held.validation.pictures


def test_the_largest_size_is_the_largest_that_fits_with_its_margin():
    InputSpec(LARGEST_SQUARE_PX)
    InputSpec(round(LARGEST_PX * OVERSIZE))
    with pytest.raises(ValueError, match="size_px"):
        InputSpec(round((LARGEST_PX + 1) * OVERSIZE))


def test_an_extra_folder_in_another_spelling_teaches_and_one_of_no_class_is_named(
    blobs: Path, more_blobs: Path, tmp_path: Path, caplog
):
    extra = tmp_path / "extra"
    shutil.copytree(more_blobs / "Ruby", extra / "rUBY")
    shutil.copytree(more_blobs / "Ruby", extra / "Opal")

    helped = prepare(blobs, SETTINGS, extra=extra)

    more = len(find_labelled(more_blobs, ["Ruby"]))
    assert len(helped.training.targets) == len(prepare(blobs, SETTINGS).training.targets) + more
    assert {p.label for p in helped.training.pictures} == set(helped.labels)
    assert "being no class here: Opal" in caplog.text


def test_one_gem_in_two_folders_is_refused(blobs: Path, tmp_path: Path):
    folder = shutil.copytree(blobs, tmp_path / "blobs")
    shutil.copytree(folder / "Ruby", folder / "ruby ")

    with pytest.raises(DataError, match="which are one name"):
        prepare(folder, SETTINGS)


def test_no_file_is_read_again_to_say_which_picture_it_is(blobs: Path, monkeypatch):
    monkeypatch.setattr(LabelledPicture, "digest", lambda picture: pytest.fail(picture.path))

    data = prepare(blobs, SETTINGS, extra=blobs)
    record = data.record()
    monkeypatch.undo()

    for side in ("training", "validation"):
        assert all(is_as_recorded(entry) for entry in record[side])
