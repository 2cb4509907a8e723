"""Which pictures are chosen: evenly, the same each time, none kept for validation, none twice."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections import Counter

import pytest

from calibration.pictures import choose_pictures, find_candidates
from deploy.bundle import edit_bundle, load_bundle
from deploy.errors import DataError
from deploy.files import write_json
from deploy.folders import LabelledPicture


def choose(folder, bundle, count, **more):
    return choose_pictures(find_candidates(folder, bundle.labels), bundle, count, **more)


def with_training_record(bundle, **digests):
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        write_json(draft.root / "training.json", digests)
        draft.manifest = dataclasses.replace(bundle.manifest)
    return load_bundle(bundle.root)


def digests_below(folder):
    return [LabelledPicture(path, "").digest() for path in sorted(folder.rglob("*.png"))]


def test_classes_get_the_same_share(stones, float_bundle):
    chosen = choose(stones, float_bundle, 12)
    assert set(Counter(picture.picture.label for picture in chosen).values()) == {4}


def test_a_small_class_leaves_its_share_to_the_others(stones, float_bundle):
    for path in sorted((stones / "ruby").iterdir())[2:]:
        path.unlink()
    counts = Counter(picture.picture.label for picture in choose(stones, float_bundle, 12))
    assert counts == {"ruby": 2, "emerald": 5, "lapis_lazuli": 5}


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(stones, float_bundle):
    first, again, other = (
        [picture.digest for picture in choose(stones, float_bundle, 12, seed=seed)]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_squares_are_as_the_network_takes_them(stones, float_bundle):
    square = choose(stones, float_bundle, 9)[0].square
    assert (square.shape, square.dtype) == ((64, 64, 3), "uint8")


def test_pictures_kept_for_validation_are_never_chosen(stones, float_bundle):
    kept = digests_below(stones)[::2]
    bundle = with_training_record(float_bundle, training=[], validation=kept)
    chosen = {picture.digest for picture in choose(stones, bundle, 100)}
    assert len(chosen) == 15
    assert not chosen & set(kept)


def test_pictures_of_the_training_come_first(stones, float_bundle):
    seen = digests_below(stones)[::3]
    bundle = with_training_record(float_bundle, training=seen, validation=[])
    chosen = {picture.digest for picture in choose(stones, bundle, 14)}
    assert chosen > set(seen)


def test_an_exact_copy_counts_once(stones, float_bundle):
    for i in range(10):
        shutil.copy(stones / "ruby" / "0.png", stones / "ruby" / f"copy{i}.png")
    chosen = choose(stones, float_bundle, 100)
    assert len(chosen) == 30


def test_unreadable_files_are_named_and_replaced(stones, float_bundle, caplog):
    for i in range(5):
        (stones / "ruby" / f"{i}.png").write_bytes(b"" if i else b"no picture")
    with caplog.at_level(logging.WARNING):
        chosen = choose(stones, float_bundle, 15)
    assert Counter(picture.picture.label for picture in chosen)["ruby"] == 5
    assert "ruby/0.png cannot be read as a picture" in caplog.text


def test_only_folders_named_like_the_labels_count_where_there_are_any(stones, float_bundle):
    shutil.copytree(stones / "ruby", stones / "garden")
    found = {picture.label for picture in find_candidates(stones, float_bundle.labels)}
    assert found == {"ruby", "emerald", "lapis_lazuli"}


def test_folders_of_other_names_count_where_none_matches(stones, float_bundle):
    shutil.copytree(stones / "ruby", stones.parent / "other" / "garden")
    chosen = choose(stones.parent / "other", float_bundle, 8)
    assert {picture.picture.label for picture in chosen} == {"garden"}


def test_pictures_without_class_folders_serve_too(stones, float_bundle):
    chosen = choose(stones / "ruby", float_bundle, 8)
    assert {picture.picture.label for picture in chosen} == {""}


def test_fewer_than_asked_are_used_and_it_is_said(stones, float_bundle, caplog):
    with caplog.at_level(logging.WARNING):
        assert len(choose(stones, float_bundle, 128)) == 30
    assert "30 pictures serve for calibration; 128 were asked for" in caplog.text


def test_too_few_are_refused(stones, float_bundle):
    for path in sorted((stones / "ruby").iterdir())[7:]:
        path.unlink()
    with pytest.raises(DataError, match="only 7 pictures can serve"):
        choose(stones / "ruby", float_bundle, 128)


@pytest.mark.parametrize("count", [1, 7])
def test_a_count_below_the_fewest_is_refused(count, stones, float_bundle):
    with pytest.raises(DataError, match=f"{count} pictures are too few"):
        choose(stones, float_bundle, count)


def test_a_folder_that_is_not_there(tmp_path, float_bundle):
    with pytest.raises(DataError, match="is not a folder"):
        find_candidates(tmp_path / "absent", float_bundle.labels)
    with pytest.raises(DataError, match="cannot be read: File name too long"):
        find_candidates(tmp_path / ("a" * 300), float_bundle.labels)


def test_an_empty_folder(tmp_path, float_bundle):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        find_candidates(tmp_path / "empty", float_bundle.labels)


def test_class_folders_may_be_links(stones, float_bundle):
    """A set that is put together from others, without copying."""
    linked = stones.parent / "linked"
    linked.mkdir()
    for folder in stones.iterdir():
        (linked / folder.name).symlink_to(folder)

    found = find_candidates(linked, float_bundle.labels)

    assert Counter(picture.label for picture in found) == {
        "ruby": 10,
        "emerald": 10,
        "lapis_lazuli": 10,
    }
