from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest

from deploy.errors import CameraError, MissingDependencyError, SettingsError
from edge_app.sources import gstreamer
from edge_app.sources.csi import CsiSettings, csi_pipeline
from edge_app.sources.gstreamer import PipelineSource, has_gstreamer
from edge_app.sources.mask import masked
from edge_app.sources.uri import open_source

WIDTH, HEIGHT = 64, 48


def real(test):
    reason = "this OpenCV has no GStreamer (make test-board has one)"
    return pytest.mark.gstreamer(pytest.mark.skipif(not has_gstreamer(), reason=reason)(test))


class WiredCamera:
    """A camera whose frames the test sends one by one, over a socket to tcpclientsrc."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        port = self._listener.getsockname()[1]
        raw = f"rawvideoparse width={WIDTH} height={HEIGHT} format=bgr framerate=30/1"
        self.uri = f"gst://tcpclientsrc host=127.0.0.1 port={port} timeout=0 ! {raw}"
        self._line: socket.socket | None = None

    def plug_in(self) -> None:
        self._line, _ = self._listener.accept()

    def send(self, grey: int) -> None:
        self._line.sendall(np.full((HEIGHT, WIDTH, 3), grey, np.uint8).tobytes())

    def unplug(self) -> None:
        if self._line is not None:
            self._line.close()

    def close(self) -> None:
        self.unplug()
        self._listener.close()


@pytest.fixture
def wired():
    camera = WiredCamera()
    yield camera
    camera.close()


def opened(camera, source):
    """Enter the source, which waits for its first frame."""

    def first():
        camera.plug_in()
        camera.send(10)

    thread = Thread(target=first)
    thread.start()
    source.__enter__()
    thread.join()


def holders(process):
    """The processes that this one started and that run."""
    return {
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdecimal() and runs(path.name) and parent(path.name) == process
    }


def parent(process):
    return int(stat(process)[1])


def runs(process):
    return stat(process)[0] not in ("Z", "gone")


def stat(process):
    """State and what follows it in /proc/PID/stat."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ["gone", "0"]
    return text.rpartition(") ")[2].split()


@pytest.mark.parametrize(
    ("pipeline", "coded"),
    [
        ("rtspsrc location=rtsp://cam/live ! decodebin", True),
        ("udpsrc port=5000 ! rtph265depay ! nvv4l2decoder", True),
        ("v4l2src device=/dev/video0 ! image/jpeg ! jpegdec", False),
    ],
)
def test_a_pipeline_says_whether_frames_come_as_changes(monkeypatch, pipeline, coded):
    monkeypatch.setattr(gstreamer, "has_gstreamer", lambda: True)

    assert open_source(f"gst://{pipeline}")._coded == coded


@real
def test_a_pipeline_that_ends_gives_all_its_frames_and_then_none():
    source = open_source("gst://videotestsrc num-buffers=10 ! video/x-raw,width=96,height=64")

    for _ in range(2):
        with source:
            frames = [source.read() for _ in range(11)]
        assert [frame.index for frame in frames[:10]] == list(range(10))
        assert frames[10] is None
    assert frames[0].image_bgr.shape == (64, 96, 3)
    assert not np.shares_memory(frames[0].image_bgr, frames[1].image_bgr)
    assert (source.live, source.fps) == (False, 30.0)


@real
@pytest.mark.parametrize("fps", [1, 240])
def test_slow_and_fast_cameras_keep_their_rate(fps):
    size = "video/x-raw,width=64,height=48"
    source = open_source(f"gst://videotestsrc is-live=true ! {size},framerate={fps}/1")
    count = 3 if fps == 1 else 120
    with source:
        first = source.read()
        for _ in range(count):
            last = source.read()
    rate = (last.index - first.index) / (last.captured_at - first.captured_at)
    assert (source.live, source.fps) == (True, fps)
    assert 0.6 * fps < rate < 1.2 * fps  # the machine may be busy


@real
def test_a_pipeline_that_stalls_is_an_error_in_time_and_goes_on_when_frames_come_again(wired):
    source = open_source(wired.uri)
    opened(wired, source)
    try:
        assert source.read().image_bgr[0, 0].tolist() == [10, 10, 10]
        started = time.monotonic()
        with pytest.raises(CameraError, match="no frame came within 2 s"):
            source.read()
        assert 1.9 < time.monotonic() - started < 4.0
        wired.send(20)
        assert source.read().image_bgr[0, 0].tolist() == [20, 20, 20]
    finally:
        source.__exit__(None, None, None)


@real
def test_a_camera_that_is_unplugged_is_an_error_and_its_source_can_be_opened_again(wired):
    source = open_source(wired.uri)
    opened(wired, source)
    try:
        source.read()
        wired.unplug()
        with pytest.raises(CameraError, match="has stopped sending"):
            source.read()
        with pytest.raises(CameraError):  # and again, until it is opened anew
            source.read()
        opened(wired, source)
        assert source.read().image_bgr.shape == (HEIGHT, WIDTH, 3)
    finally:
        source.__exit__(None, None, None)


@real
def test_a_stalled_pipeline_leaves_no_process_behind(wired):
    before = holders(os.getpid())
    source = open_source(wired.uri)
    opened(wired, source)
    source.read()
    started = time.monotonic()
    source.__exit__(None, None, None)

    assert time.monotonic() - started < 3.5
    assert holders(os.getpid()) - before == set()


@real
def test_the_process_ends_by_itself_when_the_scanner_is_killed():
    script = (
        "from edge_app.sources.uri import open_source\n"
        "with open_source('gst://videotestsrc is-live=true') as source:\n"
        "    source.read(); print('reading', flush=True)\n"
        "    while True: source.read()\n"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    scanner = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert scanner.stdout.readline() == b"reading\n"
    (holder,) = holders(scanner.pid)
    scanner.send_signal(signal.SIGKILL)
    scanner.wait()
    scanner.stdout.close()
    deadline = time.monotonic() + 5
    while runs(holder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(holder)


@real
def test_a_module_in_the_present_folder_does_not_take_the_place_of_ours(tmp_path, monkeypatch):
    for name in ("json.py", "edge_app.py"):
        (tmp_path / name).write_text("raise RuntimeError('not this one')\n")
    monkeypatch.chdir(tmp_path)
    with open_source("gst://videotestsrc num-buffers=1") as source:
        assert source.read() is not None


@real
def test_a_process_that_dies_is_an_error_at_once():
    with open_source("gst://videotestsrc is-live=true") as source:
        source.read()
        source._capture._process.kill()
        with pytest.raises(CameraError, match="its process has ended"):
            for _ in range(3):  # a frame may be on its way
                source.read()


@real
def test_frames_may_change_their_size(tmp_path):
    for number, (width, height) in enumerate([(64, 48), (160, 120), (32, 32)]):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((height, width, 3), np.uint8))
    with open_source(f"gst://multifilesrc location={tmp_path}/%d.png ! pngdec") as source:
        shapes = [source.read().image_bgr.shape for _ in range(3)]
        assert source.read() is None
    assert shapes == [(48, 64, 3), (120, 160, 3), (32, 32, 3)]


@real
def test_one_channel_becomes_three():
    pipeline = "videotestsrc num-buffers=2 pattern=white ! video/x-raw,format=GRAY8 ! appsink"
    with open_source(f"gst://{pipeline}") as source:
        frames = [source.read().image_bgr for _ in range(2)]

    for image in frames:
        assert image.ndim == 3
        assert image.min() == image.max() > 200


@real
@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        ("nvarguscamerasrc", 'GStreamer has no element "nvarguscamerasrc"'),
        ("videotestsrc colour=3", 'GStreamer has no property "colour" in element "videotestsrc"'),
        ("filesrc location=/nowhere ! decodebin", "Resource not found"),
        ("v4l2src device=/dev/video99", "Cannot identify device '/dev/video99'"),
    ],
)
def test_a_pipeline_that_cannot_be_opened_says_why_and_soon(pipeline, said, capfd):
    source = open_source(f"gst://{pipeline}")
    started = time.monotonic()
    with pytest.raises(CameraError) as caught, source:
        pass

    assert time.monotonic() - started < 8
    assert str(caught.value).startswith(f"pipeline {pipeline} gives no video: ")
    assert said in str(caught.value)
    assert capfd.readouterr() == ("", "")


def without_jetson(pipeline, pattern="videotestsrc is-live=true pattern=ball"):
    """The same pipeline with the two elements that only a Jetson has replaced.

    What stays is the real text: the caps but for the word NVMM, the order, the conversion to BGR
    and the appsink. nvvidconv turns a picture itself; here videoflip does.
    """
    source, caps, convert, *rest = pipeline.split(" ! ")
    assert source.startswith("nvarguscamerasrc sensor-id=")
    assert convert.startswith("nvvidconv flip-method=")
    direction = {"0": "identity", "3": "90r"}[convert.rpartition("=")[2]]
    caps = caps.replace("(memory:NVMM)", "")
    return " ! ".join(
        [pattern, caps, f"videoflip video-direction={direction} ! videoconvert", *rest]
    )


@real
@pytest.mark.parametrize(("flip", "shape"), [(0, (72, 128, 3)), (3, (128, 72, 3))])
def test_the_jetsons_pipeline_delivers_bgr_of_the_size_that_was_asked_for(flip, shape):
    text = csi_pipeline(0, CsiSettings(width=128, height=72, fps=29.97, flip=flip))
    red = "videotestsrc is-live=true pattern=red"
    with PipelineSource("camera csi://0", without_jetson(text, red)) as source:
        frame = source.read()

    assert frame.image_bgr.shape == shape
    blue, green, strong = frame.image_bgr[20, 20].tolist()
    assert strong > 240
    assert max(blue, green) < 15
    assert source.fps == pytest.approx(29.97, abs=0.01)


@real
def test_a_reader_that_is_slow_gets_the_newest_frame_of_the_jetsons_pipeline():
    text = csi_pipeline(0, CsiSettings(width=128, height=72, fps=60))
    with PipelineSource("camera csi://0", without_jetson(text)) as source:
        first = source.read()
        time.sleep(1.0)
        second = source.read()
        age_s = time.monotonic() - second.captured_at

    assert second.index - first.index > 40
    assert age_s < 0.1


@real
def test_a_machine_that_is_no_jetson_says_what_is_missing():
    with pytest.raises(CameraError, match=r"Jetson.*nvidia-l4t-gstreamer"), open_source("csi://0"):
        pass


def test_a_source_without_a_pipeline_is_refused():
    with pytest.raises(SettingsError, match="needs a pipeline"):
        open_source("gst:// ! ")


@pytest.mark.parametrize("uri", ["gst://videotestsrc", "csi://0"])
def test_an_opencv_without_gstreamer_says_what_to_do(uri, monkeypatch):
    monkeypatch.setattr(gstreamer, "has_gstreamer", lambda: False)

    with pytest.raises(MissingDependencyError, match=r"needs an OpenCV with GStreamer.*(pip|apt)"):
        open_source(uri)


def test_an_appsink_of_ones_own_is_kept_and_one_is_added_where_there_is_none(monkeypatch):
    monkeypatch.setattr(gstreamer, "has_gstreamer", lambda: True)
    bgr = "videoconvert ! video/x-raw,format=BGR ! appsink"

    assert open_source("gst://v4l2src ! appsink drop=1")._pipeline == "v4l2src ! appsink drop=1"
    live = open_source("gst://v4l2src !")
    assert live._pipeline == f"v4l2src ! {bgr} drop=true max-buffers=1 sync=false"
    ending = open_source("gst://filesrc location=a.mp4 ! decodebin")
    assert ending._pipeline.endswith(f"decodebin ! {bgr} max-buffers=1 sync=false")
    assert (live.live, ending.live) == (True, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://a:b@host/x", "rtsp://…@host/x"),
        ("rtsp://a:b/c@host/x?password=b", "rtsp://…@host/x?password=…"),
        ('a location="rtsp://a:b@h/" user-pw="b c" ! x', 'a location="rtsp://…@h/" user-pw=… ! x'),
        ("rtsp://host/x?channel=1&pwd=b#latency=5", "rtsp://host/x?channel=1&pwd=…#latency=5"),
        ("v4l2src device=/dev/video0", "v4l2src device=/dev/video0"),
    ],
)  # fmt: skip
def test_users_and_passwords_are_not_shown(text, shown):
    assert masked(text) == shown


def test_who_has_no_jetson_is_not_sent_to_jetpack(monkeypatch):
    monkeypatch.setattr(gstreamer, "has_gstreamer", lambda: False)

    with pytest.raises(MissingDependencyError, match="apt install python3-opencv") as caught:
        open_source("gst://videotestsrc")

    assert "JetPack" not in str(caught.value)
