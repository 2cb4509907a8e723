"""Pictures put aside and back: nothing is lost, nothing is written over."""

from __future__ import annotations

import errno
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import gemscan
from deploy.errors import DataError
from train.check.quarantine import UNDO, Moved, default_quarantine, put_aside, put_back, read_list

ROOT = Path(gemscan.__file__).parent


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five files in two classes; what is in each is its own path."""
    folder = tmp_path / "photos"
    for name in ("Ruby/1.jpg", "Ruby/2.jpg", "Ruby/deep/3.jpg", "Iolite/1.jpg", "Iolite/#4.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != UNDO]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_what_was_put_aside_comes_back_as_it_was(photos: Path, capsys):
    before = contents(photos)
    agreed = photos.parent / "list.txt"
    agreed.write_text("# agreed on\n\nRuby/deep/3.jpg\r\n./Iolite/#4.jpg\nRuby/1.jpg\nRuby/1.jpg")

    assert gemscan.main(["data", "check", str(photos), "--fix", str(agreed)]) == 0
    quarantine = photos.parent / "photos-quarantine"
    assert f"3 pictures moved to {quarantine}" in capsys.readouterr().out
    assert contents(quarantine).keys() == {"Ruby/deep/3.jpg", "Iolite/#4.jpg", "Ruby/1.jpg"}
    assert contents(photos) | contents(quarantine) == before

    assert gemscan.main(["data", "check", str(photos), "--undo", str(quarantine)]) == 0
    assert "3 pictures moved back" in capsys.readouterr().out
    assert contents(photos) == before
    assert put_back(photos, quarantine).done == 0


def test_a_second_picture_of_a_name_does_not_replace_the_first(photos: Path):
    quarantine = default_quarantine(photos)
    put_aside(photos, ["Ruby/1.jpg"], quarantine)
    (photos / "Ruby/1.jpg").write_text("another")
    put_aside(photos, ["Ruby/1.jpg"], quarantine)

    assert contents(quarantine) == {"Ruby/1.jpg": "Ruby/1.jpg", "Ruby/1 (2).jpg": "another"}

    moved = put_back(photos, quarantine)

    assert (photos / "Ruby/1.jpg").read_text() == "another"
    assert moved.done == 1
    assert "another one has its place" in moved.left[0]
    assert contents(quarantine) == {"Ruby/1.jpg": "Ruby/1.jpg"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../secret.txt", "leads out of"),
        ("/etc/hostname", "leads out of"),
        ("Ruby/../../secret.txt", "leads out of"),
        ("Ruby", "is a folder"),
        (".", "leads out of"),
    ],
)
def test_a_list_that_leads_elsewhere_moves_nothing(photos: Path, name: str, said: str):
    (photos.parent / "secret.txt").write_text("secret")
    before = contents(photos.parent)

    with pytest.raises(DataError, match=said):
        put_aside(photos, ["Ruby/1.jpg", name], default_quarantine(photos))

    assert contents(photos.parent) == before


def test_a_picture_of_a_linked_class_stays_and_the_others_are_moved(photos: Path):
    elsewhere = photos.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1.jpg").write_text("theirs")
    (photos / "Opal").symlink_to(elsewhere)

    moved = put_aside(photos, ["Opal/1.jpg", "Ruby/1.jpg"], default_quarantine(photos))

    assert moved.done == 1
    assert "check the folder that the link leads to" in moved.left[0]
    assert (elsewhere / "1.jpg").read_text() == "theirs"


def test_two_folders_may_share_a_quarantine_and_each_gets_back_its_own(photos: Path, capsys):
    test, quarantine = photos.parent / "test", photos.parent / "aside"
    shutil.copytree(photos, test)
    put_aside(photos, ["Ruby/1.jpg"], quarantine)
    put_aside(test, ["Ruby/2.jpg"], quarantine)
    (photos / "Ruby/2.jpg").unlink()

    assert gemscan.main(["data", "check", str(photos), "--undo", str(quarantine)]) == 1
    assert f"it came from {test}" in capsys.readouterr().out
    assert not (photos / "Ruby/2.jpg").exists()
    assert contents(quarantine) == {"Ruby/2.jpg": "Ruby/2.jpg"}

    renamed = test.rename(test.with_name("renamed"))
    assert put_back(renamed, quarantine).done == 1


def test_a_picture_that_cannot_be_moved_is_named_and_the_others_are(photos: Path, monkeypatch):
    rename = Path.rename

    def refuses(self, target):
        if self.name == "1.jpg":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuses)
    quarantine = default_quarantine(photos)
    moved = put_aside(photos, ["Ruby/1.jpg", "Ruby/2.jpg"], quarantine)
    monkeypatch.undo()

    assert (moved.done, "another disk" in moved.left[0]) == (1, True)
    assert (photos / "Ruby/1.jpg").exists()
    assert put_back(photos, quarantine) == Moved(1, ())


def test_an_undo_list_that_leads_elsewhere_moves_nothing(photos: Path):
    quarantine = default_quarantine(photos)
    put_aside(photos, ["Ruby/1.jpg"], quarantine)
    with (quarantine / UNDO).open("a") as file:
        file.write('{"picture": "../outside.jpg", "kept_as": "Ruby/1.jpg"}\n')

    with pytest.raises(DataError, match="leads out of"):
        put_back(photos, quarantine)

    assert contents(quarantine) == {"Ruby/1.jpg": "Ruby/1.jpg"}


def test_a_quarantine_that_would_be_a_class_is_refused_and_a_hidden_one_is_not(photos: Path):
    for place in (photos, photos / "aside"):
        with pytest.raises(DataError, match="would be a class"):
            put_aside(photos, ["Ruby/1.jpg"], place)

    assert put_aside(photos, ["Ruby/1.jpg"], photos / ".aside").done == 1


def test_pictures_that_are_gone_are_named_and_the_rest_is_moved(photos: Path):
    moved = put_aside(photos, ["Ruby/9.jpg", "Ruby/2.jpg"], default_quarantine(photos))

    assert moved.done == 1
    assert moved.left == ("Ruby/9.jpg is not there",)
    with pytest.raises(DataError, match="holds none of the 1 pictures"):
        put_aside(photos, ["Ruby/9.jpg"], default_quarantine(photos))


def test_a_picture_that_is_listed_twice_in_two_spellings_is_moved_once(photos: Path):
    before, quarantine = contents(photos), default_quarantine(photos)

    moved = put_aside(
        photos, ["Ruby/1.jpg", "./Ruby/1.jpg", "Ruby//1.jpg", "Ruby/2.jpg"], quarantine
    )

    assert (moved.done, moved.left) == (2, ())
    assert put_back(photos, quarantine).done == 2
    assert contents(photos) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from train.check import quarantine
move, done = quarantine._move, []
def killed(source, place):
    if len(done) == 2 and sys.argv[3] == "before": os.kill(os.getpid(), signal.SIGKILL)
    move(source, place)
    done.append(source)
    if len(done) == 2 and sys.argv[3] == "after": os.kill(os.getpid(), signal.SIGKILL)
quarantine._move = killed
names = ["Ruby/1.jpg", "Ruby/2.jpg", "Iolite/1.jpg"]
quarantine.put_aside(Path(sys.argv[1]), names, Path(sys.argv[2]))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_process_loses_nothing_and_can_be_gone_on_with(photos: Path, when: str):
    before, quarantine = contents(photos), default_quarantine(photos)
    words = [sys.executable, "-c", KILLED, str(photos), str(quarantine), when]
    assert subprocess.run(words, cwd=ROOT).returncode == -signal.SIGKILL

    assert len(contents(quarantine)) == 2
    assert contents(photos) | contents(quarantine) == before

    moved = put_aside(photos, ["Ruby/1.jpg", "Ruby/2.jpg", "Iolite/1.jpg"], quarantine)
    assert moved.done == 1
    assert put_back(photos, quarantine).done == 3
    assert contents(photos) == before


def test_a_line_that_was_cut_off_does_not_spoil_the_next(photos: Path):
    quarantine = default_quarantine(photos)
    put_aside(photos, ["Ruby/1.jpg"], quarantine)
    with (quarantine / UNDO).open("a") as file:
        file.write('{"picture": "Ruby/2')
    put_aside(photos, ["Ruby/2.jpg"], quarantine)

    assert put_back(photos, quarantine).done == 2


def test_a_list_is_read_with_any_line_ends_and_a_byte_order_mark(tmp_path: Path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfRuby/a b.jpg\r\n# no\r\nRuby/c.jpg \n")

    assert read_list(tmp_path / "list.txt") == ["Ruby/a b.jpg", "Ruby/c.jpg "]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fix", "absent.txt"], "absent.txt cannot be read"),
        (["--fix", "empty.txt"], "names no picture"),
        (["--fix", "utf-16.txt"], "Save it as UTF-8"),
        (["--fix", "prose.txt"], "File name too long"),
        (["--undo", "absent"], "cannot be read"),
        (["--quarantine", "aside"], "Give both, or neither"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(photos: Path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(photos.parent)
    Path("empty.txt").write_text("# nothing\n")
    Path("utf-16.txt").write_text("Ruby/1.jpg\n", encoding="utf-16")
    Path("prose.txt").write_text("These are to go. " * 500)

    assert gemscan.main(["data", "check", str(photos), *words]) == 2
    assert said in capsys.readouterr().err
