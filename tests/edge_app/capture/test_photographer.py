"""What is kept and what is refused, on drawn stones, with a real folder."""

from __future__ import annotations

import errno
import os
import threading
import time

import cv2
import pytest

from deploy.errors import SettingsError
from edge_app.capture.album import QUEUE_LENGTH, NothingKeptError
from edge_app.capture.folder import TrainingFolder
from edge_app.capture.hold import HeldButton
from edge_app.capture.photographer import Photographer
from tests.trays import Laid, lay, photographed, reach_in, tray

GROUND = tray()
STONE = lay(GROUND, Laid())


class Shoot:
    """A photographer with a folder, a clock of its own, and a button that is held."""

    def __init__(self, root, *, tray: bool = False) -> None:
        self.root = root
        self.at_s = 50.0
        self.shots = 0
        pressed = HeldButton(clock=lambda: 0.0)  # until it is let go
        self.photographer = Photographer(TrainingFolder(root), tray=tray, button=pressed)

    def see(self, picture, *, seconds: float = 0.0, blur: float = 0.0) -> str:
        """Show a picture for a while, 5 times a second; gives why it was refused at the end."""
        for _ in range(1 + round(seconds * 5)):
            self.at_s += 0.2
            self.shots += 1
            self.photographer.see(photographed(picture, self.shots, blur), self.at_s)
        self.settle()
        return self.photographer.live_json()["reason"]

    def settle(self) -> None:
        """Wait for the disk."""
        done = threading.Event()
        while not self.photographer._album._put(done.set):
            time.sleep(0.01)
        assert done.wait(10)

    def press(self, label: str = "Ruby") -> None:
        self.photographer.choose(label)
        self.photographer.hold(on=True)

    @property
    def files(self) -> list[str]:
        return sorted(p.relative_to(self.root).as_posix() for p in self.root.rglob("*.*"))


@pytest.fixture
def shoot(tmp_path):
    made = Shoot(tmp_path / "photos")
    with made.photographer:
        yield made


def turned(degrees: float, **laid: object):
    return lay(GROUND, Laid(turned=degrees / 57.3, **laid))  # type: ignore[arg-type]


def test_only_while_the_button_is_held_and_a_class_is_chosen_pictures_are_kept(shoot):
    with pytest.raises(SettingsError, match="Choose one first"):
        shoot.photographer.hold(on=True)
    shoot.see(STONE)
    shoot.photographer.choose("Ruby")
    shoot.see(STONE)
    assert shoot.files == []

    shoot.press()
    shoot.see(STONE)

    (name,) = shoot.files
    assert name.startswith("Ruby/Ruby-20")
    assert name.endswith(".jpg")
    kept = cv2.imread(str(shoot.root / name))
    assert kept.shape == STONE.shape
    assert cv2.absdiff(kept, STONE).mean() < 3


def test_another_class_lets_the_button_go(shoot):
    shoot.press()
    shoot.photographer.choose("Spinel")
    assert not shoot.photographer.recording


def test_a_button_that_was_held_for_a_ruby_records_no_emerald(shoot):
    """Another browser chose the class; the page that holds says so for another 300 ms at least."""
    shoot.photographer.choose("Ruby")
    shoot.photographer.hold(True, "Ruby")
    assert shoot.photographer.recording
    shoot.photographer.choose("Emerald")
    shoot.photographer.hold(True, "Ruby")
    assert not shoot.photographer.recording

    shoot.photographer.hold(True, "Emerald")
    assert shoot.photographer.recording
    shoot.photographer.hold(True, "Ruby")
    assert shoot.photographer.recording  # who holds for the emerald goes on


def test_at_most_five_pictures_a_second_are_looked_at(shoot):
    shoot.press()
    for number in range(13):  # a second at 12 frames
        shoot.photographer.see(turned(27 * number), 100 + number / 12)
    shoot.settle()

    assert len(shoot.files) == 5


def test_the_same_picture_is_kept_once_however_long_the_button_is_held(shoot):
    shoot.press()

    assert shoot.see(STONE, seconds=1) == "same picture"

    assert len(shoot.files) == 1
    assert shoot.photographer.live_json()["refused"] == {"same picture": 5}
    assert "turn the stone" in shoot.photographer.prompt
    assert shoot.see(turned(40)) == ""
    assert len(shoot.files) == 2


def test_the_same_picture_in_another_class_is_told_apart(shoot):
    shoot.press("Ruby")
    shoot.see(STONE)
    shoot.press("Spinel")

    assert shoot.see(STONE) == "other class"
    assert shoot.photographer.prompt == (
        "nearly the same picture is kept as “Ruby”: is the class right?"
    )
    assert len(shoot.files) == 1


def test_what_lies_in_the_folder_already_is_known(tmp_path):
    (tmp_path / "Spinel").mkdir()
    cv2.imwrite(str(tmp_path / "Spinel" / "old.png"), photographed(STONE))
    (tmp_path / "Spinel" / "broken.jpg").write_bytes(b"no picture")
    shoot = Shoot(tmp_path)
    with shoot.photographer as photographer:
        photographer._reader._thread.join(10)
        assert photographer.live_json()["unread"] == 0
        shoot.press("Ruby")

        assert shoot.see(STONE) == "other class"
        assert photographer.json()["classes"] == [
            {"label": "Ruby", "count": 0},
            {"label": "Spinel", "count": 2},
        ]


def test_a_blurred_stone_is_refused(shoot):
    shoot.press()

    assert shoot.see(STONE, blur=5) == "out of focus"
    assert shoot.files == []
    assert shoot.see(STONE) == ""


def test_a_stone_that_fills_the_picture_is_kept_and_a_bare_wall_is_not(shoot):
    shoot.press()

    shoot.photographer.see(photographed(STONE)[90:270, 250:390], 10.0)
    shoot.settle()
    assert len(shoot.files) == 1
    assert shoot.see(GROUND, blur=8) == "out of focus"
    assert len(shoot.files) == 1


def test_a_tray_that_was_never_seen_empty_refuses_nothing(tmp_path):
    shoot = Shoot(tmp_path, tray=True)
    with shoot.photographer:
        shoot.press()

        assert shoot.see(STONE) == ""
        shoot.see(STONE, seconds=2)
        assert shoot.see(reach_in(turned(70), (430, 180))) == ""
        assert len(shoot.files) == 2


def test_a_tray_that_was_seen_empty_refuses_an_empty_one_a_hand_and_several(tmp_path):
    shoot = Shoot(tmp_path, tray=True)
    with shoot.photographer:
        shoot.press()
        shoot.see(GROUND, seconds=1)
        before = len(shoot.files)

        assert shoot.see(GROUND) == "empty"
        assert shoot.see(reach_in(STONE, (430, 180))) == "hand"
        two = lay(GROUND, Laid(x=200), Laid("Emerald", x=440))
        assert shoot.see(two, seconds=1) == "several"
        assert len(shoot.files) == before
        shoot.see(GROUND, seconds=1)
        assert shoot.see(STONE) == ""
        assert len(shoot.files) == before + 1


def test_undo_removes_the_last_one_and_lets_it_be_taken_again(shoot):
    shoot.press()
    for degrees in (0, 40, 80):
        shoot.see(turned(degrees))
    before = shoot.files

    kept = shoot.photographer.undo()

    assert shoot.files == before[:2]
    assert (kept.number, kept.path.name) == (3, before[2].removeprefix("Ruby/"))
    assert shoot.photographer.written == 2
    assert [last["number"] for last in shoot.photographer.json()["last"]] == [2, 1]
    assert shoot.photographer.thumbnail(3) is None
    assert shoot.photographer.thumbnail(2)[:2] == b"\xff\xd8"
    assert shoot.see(turned(80)) == ""


def test_undo_takes_back_only_what_was_recorded_since_the_start(tmp_path):
    (tmp_path / "Ruby").mkdir()
    (tmp_path / "Ruby" / "old.jpg").write_bytes(b"old")
    with Photographer(TrainingFolder(tmp_path), tray=False) as photographer:
        waiting = photographer._album.undo()
        assert isinstance(waiting.exception(10), NothingKeptError)

    assert (tmp_path / "Ruby" / "old.jpg").read_bytes() == b"old"


def test_a_full_disk_is_one_sentence_and_recording_goes_on_when_there_is_room(shoot, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    shoot.press()
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        shoot.see(STONE, seconds=1)

        assert shoot.photographer.problem == (
            "pictures cannot be written: No space left on device; recording goes on when they can"
        )
        refused = shoot.photographer.live_json()["refused"]
        assert sum(refused.values()) == 6
        assert refused.keys() <= {"disk", "same picture"}  # as one that is being written just now
        assert refused["disk"] > 0
        assert shoot.files == []

    assert shoot.see(STONE) == ""
    assert shoot.photographer.problem == ""
    assert len(shoot.files) == shoot.photographer.written == 1


def test_a_disk_that_hangs_holds_up_nobody(shoot, monkeypatch):
    shoot.press()
    goes_on = threading.Event()
    monkeypatch.setattr("os.fsync", lambda _: goes_on.wait(30))

    for number in range(12):
        shoot.photographer.see(turned(30 * number), 100 + number / 4)

    refused = shoot.photographer.live_json()["refused"]["disk"]
    assert refused in (12 - QUEUE_LENGTH, 12 - QUEUE_LENGTH - 1)  # one may be under way
    goes_on.set()
    shoot.settle()
    assert len(shoot.files) == 12 - refused


def test_a_camera_that_shows_nothing_is_told_while_the_button_is_held(shoot):
    shoot.photographer.miss("black", 10.0)
    shoot.press()
    for number in range(4):
        shoot.photographer.miss("black", 11 + number / 10)

    assert shoot.photographer.live_json()["refused"] == {"black": 2}
