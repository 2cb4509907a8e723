from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from deploy.errors import CameraError, SettingsError
from edge_app.sources import v4l2_trouble
from edge_app.sources.folder import FolderSource
from edge_app.sources.uri import open_source
from edge_app.sources.v4l2 import CameraSource
from edge_app.sources.video import VideoSource

LABELS = ("Ruby", "Emerald")


def read_all(source):
    found = []
    with source:
        while (frame := source.read()) is not None:
            found.append(frame)
    return found


def test_a_video_gives_all_its_frames_in_order(video):
    source = open_source(str(video), LABELS)
    frames = read_all(source)

    assert isinstance(source, VideoSource)
    assert [frame.index for frame in frames] == list(range(20))
    assert (source.fps, source.live) == (25.0, False)
    assert frames[0].image_bgr.shape == (48, 64, 3)


def test_a_video_that_ends_in_the_middle_gives_what_it_holds_and_warns(video, caplog):
    whole = video.read_bytes()
    video.write_bytes(whole[: len(whole) * 3 // 4])

    frames = read_all(VideoSource(video))

    assert 2 < len(frames) < 18
    assert "of 20 frames: the file is cut off" in caplog.text


def test_a_video_can_be_opened_twice_one_after_the_other(video):
    source = VideoSource(video)

    assert len(read_all(source)) == len(read_all(source)) == 20


def test_a_video_in_a_loop_goes_on_and_its_frames_are_numbered_on(video):
    with open_source(f"{video}?loop=1", LABELS) as source:
        assert [source.read().index for _ in range(45)] == list(range(45))


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 100])
def test_a_file_without_a_frame_is_refused_when_it_is_opened(tmp_path, content):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)

    with pytest.raises(CameraError, match="holds no video frame"), VideoSource(path):
        pass


def test_a_folder_gives_every_picture_that_can_be_read(pictures, caplog):
    source = open_source(str(pictures), LABELS)
    frames = read_all(source)

    assert isinstance(source, FolderSource)
    assert [frame.index for frame in frames] == [0, 1]
    assert frames[0].image_bgr[0, 0].tolist() == [80, 80, 150]  # a.png, BGR
    assert source.skipped == 2
    warned = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warned) == 2


def test_a_folder_in_a_loop_starts_again_and_warns_once(pictures, caplog):
    with open_source(f"file://{pictures}?loop=1", LABELS) as source:
        found = [source.read() for _ in range(5)]

    assert [frame.index for frame in found] == [0, 1, 2, 3, 4]
    assert len(caplog.records) == 2


def test_a_folder_without_a_readable_picture_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")

    with pytest.raises(CameraError, match="none of the 1 pictures"), FolderSource(tmp_path):
        pass


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(CameraError, match="holds no pictures"), FolderSource(tmp_path):
        pass


def test_one_picture_is_a_source_too(pictures):
    assert len(read_all(open_source(str(pictures / "a.png"), LABELS))) == 1


def test_a_question_mark_in_a_files_own_name_is_no_option(tmp_path, picture):
    path = tmp_path / "what?.png"
    assert cv2.imwrite(str(path), picture)

    assert len(read_all(open_source(str(path), LABELS))) == 1
    assert len(read_all(open_source(f"file://{tmp_path}/what%3F.png", LABELS))) == 1


def test_a_camera_is_named_in_three_ways():
    for uri in ("2", "v4l2:///dev/video2", "v4l2:///dev/video2?width=640&height=480&fps=15",
                "/dev/video2", "/dev/video2?fps=15"):  # fmt: skip
        source = open_source(uri, LABELS)
        assert isinstance(source, CameraSource)
        assert source.name == "camera /dev/video2"
        assert source.live


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("demo://?fsp=3", "option “fsp” is not known; known here: fps, seed, stones"),
        ("demo://?fps=fast", "option “fps” must be a rate"),
        ("demo://?fps=-1", "option “fps” must be a rate"),
        ("demo://?stones=0", "option “stones” must be a whole number from 1 on"),
        ("v4l2:///dev/video0?width=", "option “width” must be a whole number"),
        ("v4l2://video0", "three slashes"),
        ("rtmp://me:secret@10.0.0.1/tray", "rtmp://…@10.0.0.1/tray: sources of the kind rtmp://"),
    ],
)
def test_a_wrong_uri_is_refused_with_what_is_known(uri, said):
    with pytest.raises(SettingsError) as caught:
        open_source(uri, LABELS)

    assert said in str(caught.value)


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CameraError, match="is not there"):
        open_source(str(tmp_path / "gone.mp4"), LABELS)
    with pytest.raises(CameraError, match="cannot be read: File name too long"):
        open_source(str(tmp_path / ("a" * 300)), LABELS)


def test_a_camera_that_is_not_there_is_refused_with_those_that_are(monkeypatch, capfd):
    monkeypatch.setattr(v4l2_trouble, "video_devices", lambda: [Path("/dev/video7")])

    with pytest.raises(CameraError) as caught, CameraSource(Path("/dev/video99")):
        pass

    assert str(caught.value) == (
        "/dev/video99 is not there: no such camera. Cameras that are there: /dev/video7."
    )
    assert capfd.readouterr().err == ""


def test_something_that_is_no_camera_is_refused_without_noise(tmp_path, capfd):
    device = tmp_path / "video0"
    device.write_bytes(b"")

    with pytest.raises(CameraError, match="is there but gives no video"), CameraSource(device):
        pass

    assert capfd.readouterr().err == ""


def test_the_file_of_a_device_is_a_camera_and_one_that_is_none_is_refused():
    source = open_source("/dev/null")

    assert isinstance(source, CameraSource)
    with pytest.raises(CameraError, match=r"gives no video \(Inappropriate ioctl"), source:
        pass


class GreyCapture:
    """As cv2.VideoCapture on a camera that gives one channel, and then is unplugged."""

    def __init__(self, device: str, api: int) -> None:
        self.asked: dict[int, float] = {}
        self.released = False
        self._left = 1

    def isOpened(self) -> bool:  # noqa: N802  (OpenCV's name)
        return True

    def set(self, prop: int, value: float) -> bool:
        self.asked[prop] = value
        return True

    def get(self, prop: int) -> float:
        return 0.0

    def grab(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def retrieve(self):
        return True, np.full((48, 64), 200, np.uint8)

    def release(self) -> None:
        self.released = True


def test_a_grey_camera_gives_three_channels_and_an_unplugged_one_an_error(tmp_path, monkeypatch):
    made: list[GreyCapture] = []

    def capture(device, api):
        made.append(GreyCapture(device, api))
        return made[-1]

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    device = tmp_path / "video0"
    device.touch()

    with CameraSource(device, width=640, height=480) as source:
        assert source.read().image_bgr.shape == (48, 64, 3)
        with pytest.raises(CameraError, match="still plugged in"):
            source.read()

    assert made[0].asked[cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert made[0].released
