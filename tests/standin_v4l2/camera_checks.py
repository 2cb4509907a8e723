"""What a `CameraSource` does over the real OpenCV, when a camera does what cameras do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import numpy as np

from deploy.errors import CameraError
from edge_app.sources.base import Frame
from edge_app.sources.uri import open_source
from edge_app.sources.v4l2 import CameraSource
from tests.standin_v4l2.checks import check
from tests.standin_v4l2.steer import steer

DEVICE = Path("/dev/video77")
QUEUED = 8  # frames that may lie ready, as on a busy machine
BY_ID = "/dev/v4l/by-id/usb-Standin_Webcam_A1B2-video-index0"


def problem_of(action, *words) -> str:
    """The text of the `CameraError` that a call must raise."""
    try:
        action(*words)
    except CameraError as exc:
        return str(exc)
    raise AssertionError("no CameraError was raised")


def first_problem(source: CameraSource) -> tuple[str, float]:
    """What is wrong once the good frames that lay ready are read; how long it took to show."""
    for _ in range(QUEUED):
        started = time.monotonic()
        try:
            source.read()
        except CameraError as exc:
            return str(exc), time.monotonic() - started
    raise AssertionError("no CameraError was raised")


def first_good(source: CameraSource) -> Frame:
    """The first frame once the damaged ones that lay ready are read."""
    for _ in range(QUEUED):
        with suppress(CameraError):
            return source.read()
    raise AssertionError("no good frame came")


def small(**options) -> CameraSource:
    return CameraSource(DEVICE, width=320, height=240, **options)


@contextmanager
def another_program() -> Iterator[int]:
    """A process that takes pictures from the camera; its number."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with small() as source:
            source.read()
            os.write(tell, b"!")
            time.sleep(20)
    os.read(ready, 1)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@check
def a_camera_gives_its_pictures_in_order_at_its_own_rate():
    with open_source("77") as source:
        frames = [source.read() for _ in range(16)]

    assert [frame.index for frame in frames] == list(range(16))
    assert frames[0].image_bgr.shape == (720, 1280, 3)
    assert frames[0].image_bgr.dtype == np.uint8
    assert source.fps == 30
    seconds = frames[-1].captured_at - frames[0].captured_at
    assert 0.4 < seconds < 5, seconds


@check
def a_camera_that_knows_no_jpeg_is_read_all_the_same():
    steer(only="YUYV")
    with small() as source:
        image = source.read().image_bgr

    assert image.shape == (240, 320, 3)
    assert image.max() > 200  # the bar
    assert 80 < np.median(image) < 120


@check
def a_damaged_picture_is_an_error_and_never_the_one_before():
    """OpenCV by itself hands out the last good picture and calls it new."""
    with small() as source:
        source.read()
        for fault in ("garbage", "cut"):
            steer(**{fault: 1})
            said = [first_problem(source)[0], *(problem_of(source.read) for _ in range(2))]
            assert all("gave a damaged picture" in one for one in said), said
            steer()
            assert first_good(source).image_bgr.shape == (240, 320, 3)


@check
def a_camera_that_stalls_is_an_error_after_two_seconds_and_may_go_on():
    with small() as source:
        source.read()
        steer(stall=1)
        said, seconds = first_problem(source)
        assert "gave no frame" in said
        assert 1.5 < seconds < 4
        steer()
        assert source.read().image_bgr.shape == (240, 320, 3)


@check
def an_unplugged_camera_is_an_error_at_once_and_can_be_opened_again_later():
    source = small()
    with source:
        source.read()
        steer(gone=1)
        started = time.monotonic()
        assert "still plugged in" in problem_of(source.read)
        assert time.monotonic() - started < 1.5
        steer()  # back in its socket, but what was open stays dead
        assert "still plugged in" in problem_of(source.read)
    steer(gone=1)
    assert "is not there" in problem_of(source.__enter__)
    assert source.identity == "usb:1d6b:0104:A1B2"
    steer()
    with source:
        assert source.read().index == 0


@check
def a_camera_that_changes_its_size_gives_pictures_of_the_new_size():
    """OpenCV 4.6 by itself gives the last picture of the old size, for ever."""
    with CameraSource(DEVICE, width=640, height=480) as source:
        assert source.read().image_bgr.shape == (480, 640, 3)
        steer(size="320x240")
        shapes = {source.read().image_bgr.shape for _ in range(8)}

    assert (240, 320, 3) in shapes


@check
def what_a_camera_repeats_or_blackens_is_passed_on_as_it_is():
    """To call it frozen or black is for the states."""
    with small() as source:
        moving = [source.read().image_bgr for _ in range(2)]
        steer(freeze=1)
        frozen = [source.read().image_bgr for _ in range(8)][-2:]
        steer(black=1)
        black = [source.read().image_bgr for _ in range(8)][-1]

    assert not np.array_equal(*moving)
    assert np.array_equal(*frozen)
    assert black.max() == 0


@check
def one_frame_a_second_is_slow_and_no_error():
    with small(fps=1) as source:
        assert source.fps == 1
        first, second = source.read(), source.read()

    assert 0.5 < second.captured_at - first.captured_at < 1.9


@check
def two_hundred_and_forty_frames_a_second_are_read():
    with small(fps=240) as source:
        assert source.fps == 240
        source.read()
        started = time.monotonic()
        for _ in range(24):
            source.read()

    assert time.monotonic() - started < 2


@check
def a_camera_that_is_busy_in_any_way_is_an_error_that_says_so():
    for fault in ("busy_open", "busy"):
        steer(**{fault: 1})
        assert "is held by another program" in problem_of(small().__enter__)
    steer(busy_stream=1)
    source = small()
    with source:
        assert "gave no frame" in problem_of(source.read)
    steer()
    with source:
        assert source.read().image_bgr.shape == (240, 320, 3)


@check
def the_program_that_holds_a_camera_is_named():
    with another_program() as pid:
        said = problem_of(small().__enter__)
        assert said.startswith("/dev/video77 is held by python"), said
        assert f"(pid {pid})" in said
        assert f"(pid {pid})" in problem_of(CameraSource(Path(BY_ID)).__enter__)
    with small() as source:  # it is free as soon as that program is dead
        source.read()


@check
def a_program_that_has_a_camera_open_and_takes_nothing_is_in_nobodys_way():
    """Some desktops keep every camera open, to show it in a list."""
    idle = os.fork()
    if idle == 0:
        os.open(DEVICE, os.O_RDWR)
        time.sleep(20)
    try:
        with small() as source:
            source.read()
        steer(only="none")  # no format that anybody knows
        assert "held" not in problem_of(small().__enter__)
    finally:
        os.kill(idle, signal.SIGKILL)
        os.waitpid(idle, 0)


@check
def a_second_device_of_a_webcam_is_told_from_the_camera():
    assert "a camera's second device" in problem_of(CameraSource(Path("/dev/video78")).__enter__)


@check
def a_camera_is_the_same_by_number_and_by_name():
    named = open_source(f"v4l2://{BY_ID}?width=320&height=240")
    assert named.identity == "usb:1d6b:0104:A1B2"
    for text in ("77", "v4l2:///dev/video77"):
        assert open_source(text).identity == named.identity
    with named as source:
        assert source.read().image_bgr.shape == (240, 320, 3)


@check
def a_camera_is_opened_read_locked_and_left_in_one_thread_that_is_not_the_first():
    seen = []

    def work() -> None:
        with small() as source:
            seen.extend([source.read().index, source.lock(None).missing, source.read().index])

    thread = Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == [0, (), 1], seen


@check
def a_camera_that_stalls_while_it_is_locked_costs_a_bounded_time():
    with small() as source:
        source.read()
        steer(stall=1)
        started = time.monotonic()
        assert source.lock(None).settings.exposure_us == 15600
        assert time.monotonic() - started < 8


@check
def nothing_that_was_opened_stays_open():
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    for fault in ({}, {"busy": 1}, {"busy_open": 1}, {}):
        steer(**fault)
        source = small()
        try:
            with source:
                source.read()
                source.lock(None)
        except CameraError:
            assert fault
    assert descriptors() == before
