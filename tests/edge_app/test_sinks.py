from __future__ import annotations

import errno
import shutil
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest

from deploy.errors import StorageError
from edge_app.sinks import recorder
from edge_app.sinks.base import DisplayError, Sink
from edge_app.sinks.recorder import RecorderSink
from edge_app.sinks.window import WindowSink

Usage = namedtuple("Usage", "total used free")


def frame(level: int, width: int = 64, height: int = 48):
    return np.full((height, width, 3), level, np.uint8)


def read_video(path: Path) -> list:
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, image = video.read()
        if not there:
            return frames
        frames.append(image)


@pytest.fixture
def disk(monkeypatch):
    """How many bytes are free, to be changed by the test."""
    free = [1 << 40]
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(1 << 40, 0, free[0]))
    return free


@pytest.mark.parametrize("name", ["run.mp4", "run.avi", "RUN.MP4"])
def test_what_was_recorded_comes_back(tmp_path, name):
    with RecorderSink(tmp_path / name, 25.0) as sink:
        for level in (20, 120, 220):
            assert sink.show(frame(level))

    frames = read_video(tmp_path / name)
    assert [round(float(f.mean()), -1) for f in frames] == [20, 120, 220]
    assert frames[0].shape == (48, 64, 3)
    assert cv2.VideoCapture(str(tmp_path / name)).get(cv2.CAP_PROP_FPS) == 25.0
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_the_file_has_no_name_before_it_is_whole(tmp_path):
    with RecorderSink(tmp_path / "run.mp4", 25.0) as sink:
        sink.show(frame(100))
        assert not (tmp_path / "run.mp4").exists()
    assert (tmp_path / "run.mp4").exists()


def test_an_earlier_recording_stays_until_the_new_one_is_whole(tmp_path):
    (tmp_path / "run.mp4").write_bytes(b"earlier")
    with RecorderSink(tmp_path / "run.mp4", 25.0) as sink:
        sink.show(frame(100))
        assert (tmp_path / "run.mp4").read_bytes() == b"earlier"
    assert len(read_video(tmp_path / "run.mp4")) == 1


def test_a_run_without_a_frame_leaves_no_file(tmp_path):
    with RecorderSink(tmp_path / "run.mp4", 25.0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_ctrl_c_ends_is_kept(tmp_path):
    with pytest.raises(KeyboardInterrupt), RecorderSink(tmp_path / "run.mp4", 25.0) as sink:
        sink.show(frame(100))
        raise KeyboardInterrupt
    assert len(read_video(tmp_path / "run.mp4")) == 1


def test_frames_of_another_size_are_brought_to_the_first_size(tmp_path):
    with RecorderSink(tmp_path / "run.mp4", 25.0) as sink:
        sink.show(frame(100, 64, 48))
        sink.show(frame(100, 128, 96))
    assert [f.shape for f in read_video(tmp_path / "run.mp4")] == [(48, 64, 3)] * 2


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_frames_of_an_odd_size_are_recorded(tmp_path, suffix):
    with RecorderSink(tmp_path / f"run{suffix}", 25.0) as sink:
        sink.show(frame(100, 65, 47))
        sink.show(frame(100, 65, 47))
    assert len(read_video(tmp_path / f"run{suffix}")) == 2


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("run.mov", "name it .mp4 or .avi"),
        ("run", "name it .mp4 or .avi"),
        ("nowhere/run.mp4", "there is no folder"),
        ("folder.mp4", "Choose another place"),
    ],
)
def test_a_place_that_cannot_be_recorded_to_is_refused_at_once(tmp_path, place, problem):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(StorageError, match=problem), RecorderSink(tmp_path / place, 25.0):
        pass


def test_a_disk_that_is_full_already_is_refused(tmp_path, disk):
    disk[0] = 1000
    with pytest.raises(StorageError, match="free some space"):
        RecorderSink(tmp_path / "run.mp4", 25.0).__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_ends_the_recording_and_not_the_run(tmp_path, disk, caplog):
    now = [0.0]
    with RecorderSink(tmp_path / "run.mp4", 25.0, clock=lambda: now[0]) as sink:
        assert sink.show(frame(50))
        assert sink.show(frame(50))
        disk[0], now[0] = 1000, 10.0
        assert sink.show(frame(50))
        assert len(read_video(tmp_path / "run.mp4")) == 2  # already whole, while the run goes on
        now[0] = 20.0
        assert sink.show(frame(50))
    assert len(read_video(tmp_path / "run.mp4")) == 2
    stops = [r for r in caplog.records if "stops: less than 64 MB are free" in r.getMessage()]
    assert len(stops) == 1


def test_a_disk_that_was_unplugged_ends_the_recording_and_never_the_run(
    tmp_path, monkeypatch, caplog
):
    now = [0.0]
    with RecorderSink(tmp_path / "run.mp4", 25.0, clock=lambda: now[0]) as sink:
        assert sink.show(frame(50))
        monkeypatch.setattr(shutil, "disk_usage", unplugged)
        now[0] = 10.0
        assert sink.show(frame(50))
        assert sink.show(frame(50))
    assert f"{tmp_path} is not there any more (Input/output error)" in caplog.text


def test_a_disk_that_does_not_answer_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", unplugged)
    with (
        pytest.raises(StorageError, match="check its disk"),
        RecorderSink(tmp_path / "run.mp4", 25.0),
    ):
        pass


def unplugged(folder):
    raise OSError(errno.EIO, "Input/output error")


def test_what_cannot_be_played_is_not_kept(tmp_path, caplog):
    """A disk that another program filled leaves a file without its index."""
    with RecorderSink(tmp_path / "run.mp4", 25.0) as sink:
        sink.show(frame(50))
        sink._writer.release()  # type: ignore[union-attr]
        sink._partial.write_bytes(sink._partial.read_bytes()[:100])
    assert list(tmp_path.iterdir()) == []
    assert "cannot be played" in caplog.text


def test_an_opencv_without_the_codec_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "CODECS", {".mp4": ("????",)})
    with pytest.raises(StorageError, match=r"cannot write \.mp4 files. Name the recording \.avi"):
        RecorderSink(tmp_path / "run.mp4", 25.0).__enter__()


def test_a_machine_without_a_screen_says_so(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DisplayError, match="--display none"):
        WindowSink("gemscan").__enter__()


class Screen:
    """Stands in for OpenCV's windows, since the test's machine has no screen."""

    def __init__(self, monkeypatch, *, tells_visible: bool = True) -> None:
        self.shown: list = []
        self.key, self.open, self.tells_visible = -1, True, tells_visible
        monkeypatch.setattr("edge_app.sinks.window.display_problem", lambda: "")
        monkeypatch.setattr(cv2, "namedWindow", lambda *a: None)
        monkeypatch.setattr(cv2, "resizeWindow", lambda *a: None)
        monkeypatch.setattr(cv2, "destroyWindow", lambda title: setattr(self, "open", False))
        monkeypatch.setattr(cv2, "imshow", lambda title, image: self.shown.append(image))
        monkeypatch.setattr(cv2, "waitKey", lambda ms: self.key)
        monkeypatch.setattr(cv2, "getWindowProperty", self.property)
        monkeypatch.setattr(cv2, "setWindowProperty", self.set_property)
        self.fullscreen = False

    def set_property(self, title: str, which: int, mode: int) -> None:
        assert which == cv2.WND_PROP_FULLSCREEN
        self.fullscreen = mode == cv2.WINDOW_FULLSCREEN

    def property(self, title: str, which: int) -> float:
        if which == cv2.WND_PROP_VISIBLE:
            return 1.0 if self.open and self.tells_visible else -1.0
        return 0.0 if self.open else -1.0


@pytest.mark.parametrize(("key", "goes_on"), [(-1, True), (ord("x"), True), (27, False)])
def test_esc_stops(monkeypatch, key, goes_on):
    screen = Screen(monkeypatch)
    with WindowSink("gemscan") as sink:
        screen.key = key
        assert sink.show(frame(1)) is goes_on


@pytest.mark.parametrize("key", ["q", "Q"])
def test_q_stops(monkeypatch, key):
    screen = Screen(monkeypatch)
    with WindowSink("gemscan") as sink:
        screen.key = ord(key)
        assert sink.show(frame(1)) is False


def test_a_key_counts_while_no_frame_comes(monkeypatch):
    screen = Screen(monkeypatch)
    with WindowSink("gemscan") as sink:
        sink.show(frame(1))
        assert sink.poll()
        screen.key = ord("q")
        assert sink.poll() is False
    assert len(screen.shown) == 1


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("key", ["f", "F"])
def test_f_fills_the_screen_or_not(monkeypatch, asked, key):
    screen = Screen(monkeypatch)
    with WindowSink("gemscan", fullscreen=asked) as sink:
        filled = [screen.fullscreen]
        for _ in range(2):
            screen.key = ord(key)
            assert sink.poll()
            filled.append(screen.fullscreen)
    assert filled == [asked, not asked, asked]


def test_esc_leaves_the_full_screen_first_and_then_stops(monkeypatch):
    screen = Screen(monkeypatch)
    with WindowSink("gemscan", fullscreen=True) as sink:
        screen.key = 27
        assert sink.show(frame(1))
        assert not screen.fullscreen
        assert sink.show(frame(1)) is False


def test_q_stops_from_the_full_screen(monkeypatch):
    screen = Screen(monkeypatch)
    with WindowSink("gemscan", fullscreen=True) as sink:
        screen.key = ord("q")
        assert sink.show(frame(1)) is False


@pytest.mark.parametrize("tells_visible", [True, False])
def test_closing_the_window_stops_whatever_the_window_system_tells(monkeypatch, tells_visible):
    screen = Screen(monkeypatch, tells_visible=tells_visible)
    with WindowSink("gemscan") as sink:
        assert sink.show(frame(1))
        screen.open = False
        assert sink.show(frame(1)) is False


def test_leaving_closes_the_window(monkeypatch):
    screen = Screen(monkeypatch)
    with WindowSink("gemscan") as sink:
        sink.show(frame(1))
    assert not screen.open


def test_both_are_sinks(tmp_path):
    sinks: list[Sink] = [WindowSink("gemscan"), RecorderSink(tmp_path / "run.mp4", 25.0)]
    assert [sink.name for sink in sinks] == ["window", "recording run.mp4"]
