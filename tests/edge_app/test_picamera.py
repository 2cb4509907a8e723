"""A Raspberry Pi's own camera as a source of frames."""

from __future__ import annotations

import importlib
import sys
import threading
import time

import numpy as np
import pytest

from deploy.errors import CameraError, MissingDependencyError, SettingsError
from edge_app.feed import open_feed
from edge_app.sources import picamera, picamera_library
from edge_app.sources.base import Adjustable
from edge_app.sources.picamera import PiCameraSettings, PiCameraSource
from edge_app.sources.uri import open_source

SMALL = PiCameraSettings(width=64, height=48)
BLUE, GREEN, RED = 200, 100, 50  # fake_pi's scene


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(picamera, "READ_TIMEOUT_S", 0.4)


def read(source):
    frame = source.read()
    assert frame is not None
    return frame


def test_a_frame_is_what_opencv_expects(pi):
    """libcamera's names of colour orders read backwards."""
    with PiCameraSource(0, SMALL) as source:
        before = time.monotonic()
        frame = read(source)

    assert frame.image_bgr.shape == (48, 64, 3)
    assert frame.image_bgr.dtype == np.uint8
    assert frame.image_bgr[-1, -1].tolist() == [BLUE, GREEN, RED]
    assert abs(frame.captured_at - before) < 1


def test_the_order_of_colours_hangs_on_one_constant(pi, monkeypatch):
    """So that the test above can fail."""
    monkeypatch.setattr(picamera, "BGR_FORMAT", "BGR888")

    with PiCameraSource(0, SMALL) as source:
        assert read(source).image_bgr[-1, -1].tolist() == [RED, GREEN, BLUE]


def test_frames_are_counted_and_the_newest_is_taken(pi):
    """What came while nobody read is a gap in the numbers, and no delay."""
    with PiCameraSource(0, SMALL) as source:
        first = read(source)
        time.sleep(0.1)
        second = read(source)

    assert first.index < second.index - 5
    assert second.captured_at > first.captured_at + 0.05


def test_a_frame_is_delivered_once(pi):
    with PiCameraSource(0, SMALL) as source:
        numbers = [read(source).index for _ in range(20)]

    assert numbers == sorted(set(numbers))


def test_buffers_go_back_so_that_the_camera_never_stands_still(pi):
    with PiCameraSource(0, SMALL) as source:
        for _ in range(50):
            read(source)
        assert len(pi.held) <= 2

    assert pi.STATE["stalled"] == 0


def test_the_camera_stands_still_where_buffers_are_kept(pi):
    """The fake does what the real one does, so that the test above can fail."""
    with PiCameraSource(0, SMALL) as source:
        kept = []
        source._camera.post_callback = lambda request: (request.acquire(), kept.append(request))
        time.sleep(0.1)
        assert len(kept) == picamera.BUFFERS
        assert pi.STATE["stalled"] > 0
        source._camera.post_callback = None
        for request in kept:
            request.release()


@pytest.mark.parametrize(
    ("query", "white"),
    [("", (0, 0)), ("&hflip=1", (0, -1)), ("&vflip=1", (-1, 0)), ("&hflip=1&vflip=1", (-1, -1))],
)
def test_a_picture_is_turned_as_the_uri_says(pi, query, white):
    with open_source(f"picamera2://0?width=64&height=48{query}") as source:
        image = read(source).image_bgr

    corners = [(y, x) for y in (0, -1) for x in (0, -1)]
    assert [corner for corner in corners if image[corner].tolist() == [255] * 3] == [white]


def test_the_lens_is_set_to_the_stone(pi):
    """picamera2 leaves it focused at about a metre, where a tray is not."""
    with open_source("picamera2://0?focus_cm=16&width=64&height=48") as source:
        for _ in range(8):
            lens = source._metadata()["LensPosition"]
    assert lens == pytest.approx(6.25)  # dioptres

    with PiCameraSource(0, SMALL) as source:
        assert source._metadata()["LensPosition"] == 1.0
    pi.configure(moves_lens=False)
    source = open_source("picamera2://0?focus_cm=16")
    with pytest.raises(CameraError, match="cannot move its lens: leave out focus_cm"), source:
        pass


def test_the_rate_is_the_sensors_where_it_is_slower(pi):
    pi.configure(shortest_frame_us=20000)

    with open_source("picamera2://?fps=200&width=64&height=48") as source:
        assert source.fps == pytest.approx(50)
    with open_source("picamera2://0?fps=0&width=64&height=48") as source:
        assert source.fps is None
        assert read(source).index >= 0


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("picamera2://front", "write the camera's number, as in picamera2://0"),
        ("picamera2://0?rotate=90", "“rotate” is not known; known here: width, height, fps, hflip"),
        ("picamera2://0?hflip=yes", "“hflip” must be 0 or 1"),
        ("picamera2://0?width=0", "“width” must be a whole number from 16 on"),
    ],
)
def test_a_wrong_uri_is_refused(uri, said):
    with pytest.raises(SettingsError) as caught:
        open_source(uri)

    assert said in str(caught.value)


def refused(number: int = 0) -> str:
    """What is said when the camera cannot be opened. Twice: a refusal must leave nothing."""
    source = PiCameraSource(number, SMALL)
    said = []
    for _ in range(2):
        with pytest.raises(CameraError) as caught, source:
            pass
        said.append(str(caught.value))
    assert said[0] == said[1]
    return said[0]


REFUSALS = {
    "busy": ({"busy": True}, "busy. Another program has it; find it with: fuser"),
    "no camera": ({"cameras": []}, "libcamera finds no camera. Switch the board off, check the"),
    "no list": ({"no_list": True}, "libcamera cannot list its cameras: Failed to start"),
    "half open": ({"half_open": True}, "cannot be opened: Failed to generate a configuration"),
    "refused": ({"configure_fails": "Invalid camera configuration"}, "Invalid camera config"),
    "no memory": ({"no_memory": True}, "Cannot allocate memory. Ask for a smaller picture"),
    "no start": ({"start_fails": "Failed to start camera"}, "cannot be started: Failed to start"),
    "a USB camera": ({"adjusted_format": "YUYV"}, "as YUYV, not as RGB888. If it is a USB camera"),
    "wrong order": ({"adjusted_format": "BGR888"}, "as BGR888, not as RGB888"),
}


@pytest.mark.parametrize(("faults", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_camera_that_cannot_be_opened_says_why_and_is_let_go(pi, faults, said):
    pi.configure(**faults)

    assert said in refused()
    assert pi.left_over() == {}


def test_a_number_that_is_not_there_is_refused_with_those_that_are(pi):
    assert refused(3).endswith("no camera number 3. Cameras that are there: picamera2://0 (imx708)")


def test_a_picture_that_cannot_be_turned_is_refused(pi):
    pi.configure(can_flip=False)

    with (
        pytest.raises(CameraError, match="leave out hflip and vflip"),
        open_source("picamera2://0?hflip=1"),
    ):
        pass


def test_a_camera_that_is_in_use_here_cannot_be_opened_twice_but_again(pi):
    with PiCameraSource(0, SMALL) as first:
        assert "busy" in refused()
        assert read(first)
    with PiCameraSource(0, SMALL) as again:
        assert read(again)


def test_what_was_dealt_with_before_is_not_taken_for_the_cause(pi):
    """A camera is opened anew while an error of it is being handled."""
    pi.configure(busy=True)
    try:
        raise CameraError("no frame within 2 s")
    except CameraError:
        assert "busy" in refused()


def test_a_size_that_libcamera_changed_is_taken(pi):
    pi.configure(adjusted_size=[96, 64])

    with PiCameraSource(0, SMALL) as source:
        assert read(source).image_bgr.shape == (64, 96, 3)


@pytest.mark.parametrize("fault", ["hang_after", "unplug_after"])
def test_a_camera_that_falls_silent_is_an_error_in_time_and_opens_anew(pi, fault):
    source = PiCameraSource(0, SMALL)
    pi.configure(**{fault: 5})

    with source:
        deadline = time.monotonic() + 5
        with pytest.raises(CameraError, match=r"no frame within 0.4 s\. Check its ribbon cable"):
            while time.monotonic() < deadline:
                read(source)
        started = time.monotonic()
        with pytest.raises(CameraError):
            source.read()
        assert 0.3 < time.monotonic() - started < 2
    pi.configure(**{fault: -1})
    with source:
        assert read(source).index < 50


def test_one_bad_frame_costs_itself_alone(pi):
    pi.configure(odd_size_at=0, frame_s=0.1)

    with PiCameraSource(0, SMALL) as source:
        with pytest.raises(CameraError, match=r"a frame of \(50, 32, 3\) uint8, not of \(48, 64"):
            source.read()
        assert read(source).image_bgr.shape == (48, 64, 3)


def test_a_buffer_that_is_gone_is_an_error(pi):
    pi.configure(broken_at=0, frame_s=0.1)

    with PiCameraSource(0, SMALL) as source:
        with pytest.raises(CameraError, match="cannot be read \\(failed to find buffer\\)"):
            source.read()
        assert read(source)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_camera_whose_thread_died_is_closed_all_the_same(pi):
    """`stop` would wait for that thread for good; `close` does not."""
    pi.configure(callback_dies_at=3)

    with PiCameraSource(0, SMALL) as source:
        source._camera.post_callback = None  # so that the thread itself gives frames back
        deadline = time.monotonic() + 5
        while pi.threads and time.monotonic() < deadline:
            time.sleep(0.005)
        assert not pi.threads
        with pytest.raises(CameraError, match="no frame within"):
            for _ in range(5):
                source.read()

    assert pi.left_over() == {}


def test_a_camera_that_does_not_close_is_a_line_in_the_log(pi, caplog):
    pi.configure(close_fails="Failed to stop camera: Input/output error")

    with PiCameraSource(0, SMALL) as source:
        read(source)

    assert "did not close: Failed to stop camera" in caplog.text


def test_a_frame_that_nobody_read_is_given_back_when_the_camera_is_left(pi):
    with PiCameraSource(0, SMALL) as source:
        time.sleep(0.05)
        assert source._newest._waiting is not None

    assert pi.left_over() == {}


def test_leaving_by_an_error_closes_the_camera(pi):
    with pytest.raises(ValueError, match="the loop failed"), PiCameraSource(0, SMALL) as source:
        read(source)
        raise ValueError("the loop failed")

    assert pi.left_over() == {}


FAULTS = [
    *({}, {"hang_after": 0}, {"unplug_after": 1}, {"odd_size_at": 0}, {"broken_at": 0}),
    *({"busy": True}, {"half_open": True}, {"start_fails": "no"}, {"no_memory": True}),
    {"close_fails": "no"},
]


def test_nothing_is_left_after_two_hundred_openings_with_every_fault(pi, monkeypatch):
    monkeypatch.setattr(picamera, "READ_TIMEOUT_S", 0.01)
    source, threads = PiCameraSource(0, SMALL), threading.active_count()
    clean = dict.fromkeys([key for fault in FAULTS for key in fault])
    for turn in range(200):
        faults = {key: pi.DEFAULTS[key] for key in clean} | FAULTS[turn % len(FAULTS)]
        pi.configure(frame_s=0.001, **faults)
        try:
            with source:
                source.read()
                source.read()
        except CameraError:
            pass
        assert pi.left_over() == {}, f"turn {turn} with {FAULTS[turn % len(FAULTS)]}"

    assert threading.active_count() == threads
    assert pi.STATE["opened"] == 200 * 9 // 10  # all but those that were busy
    assert pi.STATE["delivered"] > 100


def test_the_reader_keeps_going_over_a_bad_frame_in_its_own_thread(pi):
    pi.configure(broken_at=3, frame_s=0.01)
    frames = []

    with open_feed(PiCameraSource(0, SMALL)) as feed:
        while len(frames) < 8:
            if (frame := feed.look().frame) is not None:
                frames.append(frame)

    assert feed.losses == 0
    assert [f.index for f in frames] == sorted(f.index for f in frames)


def test_a_camera_has_the_same_name_whenever_it_is_asked(pi):
    source = PiCameraSource(0, SMALL)
    assert isinstance(source, Adjustable)
    asked_before = source.identity
    with source:
        assert source.identity == asked_before

    assert asked_before == "picamera2 imx708 /base/soc/i2c0mux/i2c@1/imx708@1a"


def test_without_picamera2_the_remedy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)

    with pytest.raises(MissingDependencyError, match="sudo apt install python3-picamera2"):
        PiCameraSource(0, SMALL).__enter__()


def test_a_numpy_that_picamera2_was_not_built_for_is_told_apart(monkeypatch):
    """It is a ValueError in the middle of the import: raspberrypi/picamera2 issue 1211."""

    def fail(name):
        raise ValueError("numpy.dtype size changed, may indicate binary incompatibility")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(MissingDependencyError, match="size changed") as caught:
        picamera_library.load_picamera2()

    assert "pip uninstall numpy" in str(caught.value)
