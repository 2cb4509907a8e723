from __future__ import annotations

from datetime import datetime

import pytest

from deploy.errors import SettingsError, StorageError
from edge_app.capture.folder import TrainingFolder, remove_picture

AT = datetime(2026, 3, 1, 9, 5, 7, 8_900)


def test_pictures_are_named_by_class_and_time_and_never_written_over(tmp_path):
    folder = TrainingFolder(tmp_path / "new" / "photos", ["Ruby"])

    paths = [folder.write("Ruby", data, AT) for data in (b"one", b"two", b"three")]

    names = [path.relative_to(folder.root).as_posix() for path in paths]
    assert names == [
        "Ruby/Ruby-20260301-090507-008.jpg",
        "Ruby/Ruby-20260301-090507-008-1.jpg",
        "Ruby/Ruby-20260301-090507-008-2.jpg",
    ]
    assert [path.read_bytes() for path in paths] == [b"one", b"two", b"three"]


def test_classes_are_those_that_were_given_and_those_that_lie_there(tmp_path):
    for name in ("Ruby/1.jpg", "Ruby/sub/2.PNG", "Ruby/notes.txt", ".trash/3.jpg", "4.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    folder = TrainingFolder(tmp_path, ["Emerald", "ruby"])

    assert {name: len(found) for name, found in folder.pictures().items()} == {
        "Emerald": 0,
        "Ruby": 2,
    }


def test_a_class_is_chosen_as_it_is_or_made(tmp_path):
    (tmp_path / "a:b").mkdir()  # of another program, and no name that this one would give
    folder = TrainingFolder(tmp_path, ["Ruby"])

    assert folder.add_class("RUBY") == "Ruby"
    assert folder.add_class("a:b") == "a:b"
    assert folder.add_class(" Spinel") == "Spinel"
    assert list(folder.pictures()) == ["Ruby", "Spinel", "a:b"]
    assert not (tmp_path / "Spinel").exists()


@pytest.mark.parametrize("typed", ["garnet red", " Garnet  Red ", "Ｇarnet Red"])
@pytest.mark.parametrize("lying", ["Garnet Red", "Garnet  Red"])
def test_a_class_has_one_folder_however_its_name_is_typed(tmp_path, typed, lying):
    (tmp_path / lying).mkdir()
    folder = TrainingFolder(tmp_path, [typed])

    assert folder.add_class(typed) == lying
    assert list(folder.pictures()) == [lying]


def test_of_classes_that_were_given_twice_the_first_spelling_counts(tmp_path):
    folder = TrainingFolder(tmp_path, ["Ruby", "RUBY", "e\u0301meraude", "\u00c9meraude"])

    assert list(folder.pictures()) == ["Ruby", "\u00e9meraude"]


@pytest.mark.parametrize("sent", ["..", "../up", "/tmp/x", "Ruby/../../up", ".git", "a\\..\\b"])
def test_no_name_leads_out_of_the_folder(tmp_path, sent):
    folder = TrainingFolder(tmp_path / "photos")

    with pytest.raises(SettingsError):
        folder.add_class(sent)

    assert sorted(tmp_path.rglob("*")) == [tmp_path / "photos"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "photos").write_text("")

    with pytest.raises(StorageError, match="is no folder"):
        TrainingFolder(tmp_path / "photos")


def test_removing_a_picture_that_has_gone_is_no_trouble(tmp_path):
    path = TrainingFolder(tmp_path).write("Ruby", b"one", AT)

    remove_picture(path)
    remove_picture(path)

    assert not path.exists()
