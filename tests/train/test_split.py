"""No photograph stands on both sides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deploy.errors import DataError
from train.data.duplicates import group_duplicates, group_pictures, thumbnail
from train.data.split import KnownSides, follow_split, read_sides, split_groups


def photograph(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8), (140, 140))


def test_a_recompressed_and_resized_copy_is_grouped_with_its_original():
    original = photograph(1)
    packed = cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    copy = cv2.resize(cv2.imdecode(packed, cv2.IMREAD_COLOR), (90, 90))
    others = [photograph(seed) for seed in range(2, 8)]

    groups = group_duplicates(np.stack([thumbnail(p) for p in [original, copy, *others]]))

    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 7


def test_copies_that_lie_in_different_blocks_are_found():
    """There are more pictures here than one block of the comparison holds."""
    signature = thumbnail(photograph(1))
    distinct = np.eye(len(signature), dtype=np.float32)[:700]
    rows = np.concatenate([signature[None], distinct, distinct[:600] * 0, signature[None]])

    groups = group_duplicates(rows)

    assert groups[0] == groups[-1]


def test_no_group_is_divided_and_each_class_validates_its_share():
    rng = np.random.default_rng(0)
    labels = ["a"] * 90 + ["b"] * 45
    groups = rng.integers(0, 80, 135)

    split = split_groups(labels, groups, share=1 / 9, seed=3)

    assert set(groups[list(split.training)]).isdisjoint(groups[list(split.validation)])
    assert sorted(split.training + split.validation) == list(range(135))
    names = [labels[i] for i in split.validation]
    assert 1 <= names.count("a") <= 10
    assert 1 <= names.count("b") <= 5


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    labels, groups = ["a", "b"] * 50, np.arange(100)

    first = split_groups(labels, groups, 0.2, seed=1)

    assert first == split_groups(labels, groups, 0.2, seed=1)
    assert first != split_groups(labels, groups, 0.2, seed=2)


@pytest.mark.parametrize(
    ("labels", "groups", "said"),
    [
        (["a"] * 4, [0, 1, 2, 3], "one class only"),
        (["a", "a", "b"], [0, 1, 2], "class b has 1 picture"),
        (["a", "a", "b", "b"], [0, 1, 2, 2], "copies of too few photographs"),
    ],
)
def test_a_class_that_cannot_stand_on_both_sides_is_refused_by_name(labels, groups, said):
    with pytest.raises(DataError, match=said):
        split_groups(labels, np.array(groups), 0.5, seed=0)


def test_a_class_of_two_large_groups_validates_on_the_smaller_one():
    labels = ["a"] * 7 + ["b"] * 9
    groups = np.array([0, 0, 0, 0, 1, 1, 1, *range(2, 11)])

    split = split_groups(labels, groups, share=1 / 9, seed=0)

    assert [i for i in split.validation if labels[i] == "a"] == [4, 5, 6]
    assert len(split.validation) == 4


def test_an_earlier_split_is_followed_and_new_pictures_go_with_their_copies():
    labels = ["a", "a", "a", "a", "b", "b", "b"]
    digests = ["a0", "a1", "a2-copy-of-a1", "a3-new", "b0", "b1", "b2"]
    groups = np.array([0, 1, 1, 2, 3, 4, 4])
    sides = KnownSides(frozenset({"a0", "b0", "b2"}), frozenset({"a1", "b1"}))

    split = follow_split(labels, groups, digests, sides)

    assert split.validation == (1, 2, 5)  # b2 taught before, so it stays, copy or not
    assert split.training == (0, 3, 4, 6)


def test_a_new_picture_that_links_both_sides_stands_on_neither(caplog):
    """It copies a picture that teaches, and one that validates."""
    labels, digests = ["a", "a", "a", "b", "b"], ["a0", "new", "a1", "b0", "b1"]
    sides = KnownSides(frozenset({"a0", "b0"}), frozenset({"a1", "b1"}))

    split = follow_split(labels, np.array([0, 0, 0, 1, 2]), digests, sides)

    assert (split.training, split.validation) == ((0, 3), (2, 4))
    assert "1 pictures link both sides" in caplog.text


def test_equal_files_are_one_group_also_without_anything_to_compare():
    """A picture of one colour has no signature."""
    nothing = np.zeros((4, 768), np.float32)

    assert group_pictures(nothing, ["x", "y", "x", "z"]).tolist() == [0, 1, 0, 2]


def test_an_earlier_split_of_other_pictures_is_refused():
    sides = KnownSides(frozenset(), frozenset({"elsewhere"}))

    with pytest.raises(DataError, match="none of the pictures that validate in the split"):
        follow_split(["a", "a", "b", "b"], np.arange(4), list("wxyz"), sides)


def test_one_class_alone_follows_no_split():
    sides = KnownSides(frozenset("wx"), frozenset("yz"))

    with pytest.raises(DataError, match="one class only"):
        follow_split(["a"] * 4, np.arange(4), list("wxyz"), sides)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"training": [1], "validation": []}'])
def test_a_file_that_is_no_split_is_refused(tmp_path, text):
    (tmp_path / "split.json").write_text(text)

    with pytest.raises(DataError, match=r"cannot be read as a run's split\.json"):
        read_sides(tmp_path / "split.json")


def test_a_large_share_leaves_each_class_something_to_learn_from():
    split = split_groups(["a"] * 4 + ["b"] * 4, np.arange(8), share=8 / 9, seed=0)

    assert [len(split.training), len(split.validation)] == [2, 6]
