from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from deploy.errors import CameraError, MissingDependencyError, SettingsError
from edge_app.sources import gstreamer, rtsp
from edge_app.sources.base import Frame
from edge_app.sources.gstreamer import has_gstreamer
from edge_app.sources.uri import open_source

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
THROUGH = [
    "ffmpeg",
    pytest.param(
        "gstreamer",
        marks=[
            pytest.mark.gstreamer,
            pytest.mark.skipif(not has_gstreamer(), reason="this OpenCV has no GStreamer"),
        ],
    ),
]


class OneFrame:
    fps = 25.0

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def read(self) -> Frame:
        return self._frame

    def close(self) -> None:
        """There is nothing to close."""


class NetworkCamera:
    """A camera that can lose its power, hang, and come back at the same address."""

    def __init__(self) -> None:
        self.port = 0
        self.power_on()

    def power_on(self) -> None:
        command = [SYSTEM_PYTHON, str(SERVER), str(self.port)]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self._server.stdout.readline() or 0)

    def power_off(self) -> None:
        self._server.kill()
        self._server.wait()
        self._server.stdout.close()

    def hang(self) -> None:
        self._server.send_signal(signal.SIGSTOP)


@pytest.fixture
def camera():
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if (
        not Path(SYSTEM_PYTHON).exists()
        or subprocess.run([SYSTEM_PYTHON, "-c", probe], capture_output=True).returncode
    ):
        pytest.skip("no RTSP server here: apt install python3-gi gir1.2-gst-rtsp-server-1.0")
    camera = NetworkCamera()
    assert camera.port, "the RTSP server did not start"
    yield camera
    camera.power_off()


def read(source, count):
    return [source.read() for _ in range(count)]


def fails(source, within_s):
    """The error of a source that gives no more, which must come in time."""
    started = time.monotonic()
    with pytest.raises(CameraError) as caught:
        while True:
            source.read()
    assert time.monotonic() - started < within_s
    return str(caught.value)


@pytest.mark.parametrize("through", THROUGH)
def test_a_network_camera_that_dies_is_an_error_and_is_opened_anew_when_it_is_back(camera, through):
    source = open_source(
        f"rtsp://anna:geheim@127.0.0.1:{camera.port}/tray?user=anna#through={through}"
    )
    with source:
        frames = read(source, 10)
        assert "geheim" not in " ".join(source._capture._process.args)
        assert frames[0].image_bgr.shape == (240, 320, 3)
        assert time.monotonic() - frames[-1].captured_at < 0.5
        camera.power_off()
        died = fails(source, within_s=8.0)
    with pytest.raises(CameraError) as caught, source:
        pass
    camera.power_on()
    with source:
        assert read(source, 5)[0].index < 3
    assert source.live
    for said in (died, str(caught.value), source.name):
        assert f"rtsp://…@127.0.0.1:{camera.port}/tray" in said
        assert "geheim" not in said
        assert "anna" not in said


@pytest.mark.parametrize("through", THROUGH)
def test_a_network_camera_that_hangs_is_an_error_within_seconds_and_can_be_closed(camera, through):
    source = open_source(f"rtsp://127.0.0.1:{camera.port}/tray#through={through}")
    with source:
        read(source, 3)
        camera.hang()
        # what was on its way still comes; then the wait of 2 s
        assert "no frame came within 2 s" in fails(source, within_s=8.0)
        started = time.monotonic()
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("rtsp://", "rtsp://192.168.1.20/stream1"),
        ("rtsp://me:pw@host/a#speed=1", "rtsp://…@host/a: option “speed” is not known; known"),
        ("rtsp://me:pw@host/a#transport=pigeon", "option “transport” must be tcp or udp"),
        ("rtsp://me:pw@host/a#latency=-1", "must be a whole number from 0 on"),
        ("rtsp://host/a b", "write them as %20"),
        ('rtsp://host/a" ! filesink', "write them as %20"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(uri, said):
    with pytest.raises(SettingsError) as caught:
        open_source(uri)

    assert said in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("through", ["gstreamer_source", "ffmpeg_source"])
def test_frames_of_a_network_camera_are_known_as_coded(monkeypatch, through):
    """So that a tray on which nothing changes is not taken for a frozen camera."""
    frame = Frame(np.zeros((4, 4, 3), np.uint8), captured_at=0.0, index=0)
    monkeypatch.setattr(gstreamer, "ApartCapture", lambda *_, **__: OneFrame(frame))

    with getattr(rtsp, through)("rtsp://cam/live") as source:
        assert source.read().coded
    with gstreamer.PipelineSource("USB camera", "v4l2src ! appsink") as source:
        assert not source.read().coded


def test_the_query_is_the_cameras_and_the_fragment_is_ours(monkeypatch):
    monkeypatch.setattr(rtsp, "has_gstreamer", lambda: True)
    monkeypatch.setattr(gstreamer, "has_gstreamer", lambda: True)
    source = open_source("rtsp://cam/live?user=a&latency=9#latency=50&transport=udp")

    assert 'location="rtsp://cam/live?user=a&latency=9" latency=50' in source._pipeline
    assert "protocols=udp" in source._pipeline
    assert "nvvidconv" not in source._pipeline


def test_a_jetson_fetches_the_decoded_picture_out_of_its_own_memory(monkeypatch):
    monkeypatch.setattr(rtsp, "is_jetson", lambda: True)
    source = rtsp.gstreamer_source("rtsp://cam/live")

    assert "decodebin ! nvvidconv ! video/x-raw,format=BGRx ! videoconvert" in source._pipeline


def test_an_opencv_without_gstreamer_takes_ffmpeg_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(rtsp, "has_gstreamer", lambda: False)
    monkeypatch.setattr(gstreamer, "has_gstreamer", lambda: False)

    assert open_source("rtsp://cam/live#latency=50")._environment == {
        "OPENCV_FFMPEG_CAPTURE_OPTIONS": (
            "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay|max_delay;50000"
        )
    }
    with pytest.raises(MissingDependencyError, match="through=gstreamer needs an OpenCV with"):
        open_source("rtsp://cam/live#through=gstreamer")
