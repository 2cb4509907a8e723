"""`gemscan cameras` and the doctor's look at cameras, where there is one."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import gemscan
from edge_app.doctor.cameras import check_cameras
from edge_app.doctor.check import NOTE, OK
from edge_app.sources.v4l2_controls import EXPOSURE_AUTO
from edge_app.v4l2.device import V4l2Device
from tests.standin_v4l2.camera_checks import BY_ID, DEVICE, another_program, small
from tests.standin_v4l2.checks import check
from tests.standin_v4l2.steer import steer

MODES = "1280x720 at 30, 15; 640x480 at 30, 15; 320x240 at 240, 30, 1"


def cameras(*words: str) -> tuple[int, list[str]]:
    """The exit code of `gemscan cameras`, and its lines."""
    with redirect_stdout(StringIO()) as said:
        code = gemscan.main(["cameras", *words])
    return code, said.getvalue().splitlines()


@check
def a_webcam_is_listed_once_with_all_that_it_can():
    code, lines = cameras()

    assert code == 0
    assert lines == [
        "v4l2:///dev/video77  Stand-in Webcam",
        "  driver    uvcvideo, usb-0000:00:14.0-2",
        "  identity  usb:1d6b:0104:A1B2",
        f"  always    v4l2://{BY_ID}",
        f"  MJPG      {MODES}",
        "  YUYV      1280x720 at 10; 640x480 at 30, 15; 320x240 at 240, 30, 1",
        "  locks     exposure, gain, white balance",
    ], lines


@check
def the_list_is_written_for_programs_too():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cameras.json"
        cameras("--json", str(path))
        (found,) = json.loads(path.read_text())["cameras"]

    assert found["uri"] == "v4l2:///dev/video77"
    assert found["locks"] == ["exposure", "gain", "white balance"]
    first = {"format": "MJPG", "width": 1280, "height": 720}
    assert found["modes"][0] == {**first, "fps": [30.0, 15.0], "is_range": False}


@check
def a_camera_that_takes_any_size_is_listed_with_its_largest():
    steer(range=1)

    assert "  YUYV      up to 1280x720 at 60" in cameras()[1]


@check
def what_cannot_be_locked_is_not_listed_as_such():
    steer(without="gain")

    assert cameras()[1][-1] == "  locks     exposure, white balance"


@check
def a_jetsons_sensor_is_named_as_csi():
    steer(driver="tegra-video", bus="platform:tegra-capture-vi:1")
    code, lines = cameras()

    assert code == 0
    assert lines[0] == "csi://0  Stand-in Webcam"
    assert "  driver    tegra-video, platform:tegra-capture-vi:1" in lines


@check
def what_a_raspberry_pi_keeps_for_libcamera_is_left_out():
    steer(driver="bcm2835-isp")

    assert cameras()[0] == 1


@check
def a_camera_in_use_is_listed_with_who_uses_it():
    with another_program() as pid:
        code, lines = cameras()
        doctor = check_cameras()

    assert code == 1
    assert lines[1].startswith("  problem   in use by python")
    assert lines[1].endswith(f"(pid {pid})")
    assert f"  MJPG      {MODES}" in lines
    assert doctor.state == NOTE
    assert doctor.found.startswith("/dev/video77 is held by python")
    assert f"(pid {pid})" in doctor.found


@check
def a_holder_that_is_not_to_be_seen_is_told_of_and_sought_as_root():
    """Links below /proc of other users' processes can be read by root alone."""
    steer(busy=1)
    os.geteuid = lambda: 1000

    doctor = check_cameras()

    assert doctor.state == NOTE
    assert doctor.found == (
        "/dev/video77 is held by another program of another user; this names it: "
        "sudo fuser -v /dev/video77"
    )
    assert cameras()[1][1] == "  problem   in use by another program"


@check
def a_camera_that_may_not_be_used_is_told_with_what_to_do():
    steer(forbidden=1)
    code, lines = cameras()

    assert code == 1
    assert lines[0] == "v4l2:///dev/video77  video77"
    assert lines[1].startswith("  problem   not permitted: ")
    assert check_cameras().state == NOTE
    assert check_cameras().found == "not permitted: /dev/video77, /dev/video78"


@check
def a_camera_that_is_unplugged_meanwhile_is_told():
    steer(gone=1)
    code, lines = cameras()

    assert code == 1
    assert lines[1] == "  problem   does not answer: No such file or directory"


@check
def to_look_at_a_camera_changes_nothing_for_the_program_that_uses_it():
    with small() as source, V4l2Device(DEVICE) as device:
        source.read()
        assert device.is_busy()
        before = device.get(EXPOSURE_AUTO)
        cameras()
        check_cameras()
        assert [source.read().index for _ in range(5)] == [1, 2, 3, 4, 5]
        assert device.get(EXPOSURE_AUTO) == before


@check
def a_camera_that_is_free_is_well():
    assert check_cameras().state == OK
    with V4l2Device(DEVICE) as device:
        assert not device.is_busy()
