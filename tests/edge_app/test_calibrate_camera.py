"""`gemscan calibrate-camera`, on the demo's camera, on pictures, and on cameras that misbehave."""

from __future__ import annotations

import itertools
import re
import time

import cv2
import numpy as np
import pytest

import gemscan
from calibration.camera.correct import WHITE_AT, Correction
from calibration.camera.profile import find_profile
from calibration.camera.settings import CameraSettings
from deploy.errors import CameraError
from deploy.render.camera import SimulatedCamera
from edge_app.cameras.calibrate import TrayCamera
from edge_app.cameras.calibrate_command import _exposure
from edge_app.sources.base import Adjustable, Frame, Locked
from edge_app.sources.uri import open_source

DEMO = "demo://?fps=0&cast=3000&stops=-1&vignette=0.4"
EMPTY = f"{DEMO}&tray=empty"


@pytest.fixture(autouse=True)
def cameras(tmp_path, monkeypatch):
    monkeypatch.setenv("GEMSCAN_CAMERAS", str(tmp_path / "cameras"))
    return tmp_path / "cameras"


def calibrate(*words) -> int:
    return gemscan.main(["calibrate-camera", *map(str, words)])


def test_the_demos_camera_is_exposed_measured_and_saved(cameras, capsys):
    assert calibrate("--source", EMPTY, "--reference", "grey") == 0

    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    assert lines["exposure"].startswith("from 10000 to 71")
    assert "white lies at 85%" in lines["exposure"]
    assert lines["before"].startswith("white is red 85%, green 65%, blue 41% of the scale")
    after = [int(percent) for percent in re.findall(r"(\d+)%", lines["after"])]
    assert after == pytest.approx([95, 95, 95, 1], abs=1)
    assert lines["held"].startswith("exposure 71")
    assert str(next(cameras.iterdir())) == lines["saved"]


def test_the_profile_makes_the_demos_tray_grey_in_a_later_run():
    calibrate("--source", EMPTY, "--reference", "grey")

    with open_source(DEMO + "&tray=empty&seed=3", ("Jade",)) as source:
        profile = find_profile(source.identity)
        source.lock(profile.settings)
        raw = source.read().image_bgr
    corrected = Correction(profile, raw.shape[:2]).apply(raw)

    before, after = (f[100:620, 400:880].reshape(-1, 3).mean(axis=0) for f in (raw, corrected))
    assert before[2] > 1.8 * before[0]
    assert np.ptp(after) < 4


def test_a_stone_on_the_tray_is_refused_and_nothing_is_saved(cameras, capsys):
    assert calibrate("--source", DEMO, "--reference", "grey") == 1

    said = capsys.readouterr()
    assert said.err.startswith("not calibrated: the tray is not even: ")
    assert said.out.startswith("exposure    from 10000 to ")
    assert not cameras.exists()


def white_pictures(folder, level):
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((90, 160, 3), level, np.uint8))
    return folder


def test_pictures_are_a_camera_that_cannot_be_set(tmp_path, capsys):
    folder = white_pictures(tmp_path / "white", (150, 180, 200))

    assert calibrate("--source", folder) == 0

    out = capsys.readouterr().out
    assert "exposure    cannot be set from here: white lies at 78% and is lifted" in out
    assert "held        nothing still" in out
    assert "not used    gemscan run corrects cameras alone" in out
    assert "not held    its exposure, gain and white balance cannot be held" in out
    assert find_profile(f"pictures {folder}").gains_bgr == pytest.approx((1.333, 1.111, 1), 0.001)


def test_clipped_pictures_are_refused_unless_forced(tmp_path, capsys):
    folder = white_pictures(tmp_path / "white", 255)

    assert calibrate("--source", folder) == 1
    assert "too bright to measure" in capsys.readouterr().err
    assert calibrate("--source", folder, "--force") == 0
    assert "what is bright is clipped, so turn the light down" in capsys.readouterr().out


def test_a_source_that_is_not_there_is_an_error(capsys):
    assert calibrate("--source", "no/such/folder") == 2
    assert "no/such/folder is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("cast=100", "option “cast” must be a number from 1700 to 20000, not “100”"),
        ("stops=much", "option “stops” must be a number from -4 to 4, not “much”"),
        ("vignette=1", "option “vignette” must be a number from 0 to 0.95, not “1”"),
        ("tray=full", "option “tray” must be empty or stones, not “full”"),
    ],
)
def test_an_option_of_the_demo_that_makes_no_sense_is_refused(option, said, capsys):
    assert calibrate("--source", f"demo://?{option}") == 2
    assert said in capsys.readouterr().err


def test_the_demo_has_a_camera_only_where_one_is_asked_for():
    assert isinstance(open_source(DEMO, ("Jade",)), Adjustable)
    assert not isinstance(open_source("demo://", ("Jade",)), Adjustable)
    assert not isinstance(open_source("demo://?tray=empty", ("Jade",)), Adjustable)


def test_two_lights_of_the_demo_are_two_cameras():
    identities = {
        open_source(uri, ("Jade",)).identity
        for uri in (DEMO, EMPTY, "demo://?cast=3000", "demo://?cast=4000", "demo://?stops=1")
    }
    assert len(identities) == 4  # the tray makes no difference


class LampOnTheMains:
    """A camera before a white tray under a lamp that flickers at 100 Hz, unless it is exposed for
    whole flashes; every third frame is missed."""

    name = identity = "lamp"
    live, fps = False, 30.0

    def __init__(self, exposure_us: float) -> None:
        self._exposure_us = exposure_us
        self._count = itertools.count()

    def lock(self, wanted: CameraSettings | None) -> Locked:
        if wanted is not None:
            self._exposure_us = wanted.exposure_us
        return Locked(CameraSettings(exposure_us=self._exposure_us))

    def read(self) -> Frame:
        number = next(self._count)
        if number % 3 == 2:
            raise CameraError("no frame")
        beat = 0 if abs(self._exposure_us % 10_000) < 1 else 0.1 * (-1) ** number
        stops = np.log2(self._exposure_us / 14_000) + beat
        tray = np.full((90, 160, 3), 255, np.uint8)
        return Frame(SimulatedCamera(6504, stops).shoot(tray), time.monotonic(), number)


def test_under_a_lamp_that_flickers_a_whole_number_of_flashes_is_exposed():
    camera = TrayCamera(LampOnTheMains(13_000.0), "white")
    camera.settle()

    exposed = camera.expose()

    assert exposed.exposure_us == 10_000
    assert camera.locked.settings.exposure_us == 10_000
    assert 0.80 <= exposed.level <= 0.90


def test_where_no_exposure_helps_the_flicker_is_said():
    class Bright(LampOnTheMains):
        def read(self) -> Frame:
            held, self._exposure_us = self._exposure_us, self._exposure_us * 4.9
            try:
                return super().read()
            finally:
                self._exposure_us = held

    camera = TrayCamera(Bright(2_000.0), "white")
    camera.settle()
    exposed = camera.expose()

    assert exposed.exposure_us < 5_000
    assert camera.locked.settings.exposure_us == pytest.approx(exposed.exposure_us)


def test_a_camera_that_misses_every_frame_is_gone(fakes):
    camera = TrayCamera(fakes.ScriptedSource([CameraError("no frame came")] * 5), "white")

    with pytest.raises(CameraError, match="no frame came"):
        camera.frames(3)


def test_corrected_white_lies_where_it_should(tmp_path):
    folder = white_pictures(tmp_path / "white", (150, 180, 200))
    calibrate("--source", folder)
    profile = find_profile(f"pictures {folder}")

    white = Correction(profile, (90, 160)).apply(cv2.imread(str(folder / "0.png")))

    assert np.abs(white - 255 * WHITE_AT).max() < 2


class SilentCamera(LampOnTheMains):
    """As a Jetson's: it tells neither exposure nor gain before it was given them."""

    def lock(self, wanted: CameraSettings | None) -> Locked:
        super().lock(wanted)
        return Locked(wanted or CameraSettings())


def test_a_camera_that_does_not_tell_its_exposure_is_given_one_to_start_from():
    camera = TrayCamera(SilentCamera(40_000.0), "white")
    camera.settle()

    exposed = camera.expose()

    assert 0.80 <= exposed.level <= 0.90
    assert camera.locked.settings == CameraSettings(exposure_us=10_000, gain=1)
    assert _exposure(exposed, None, None)[0].startswith("exposure    to 10000 µs: white lies at ")


def test_a_camera_without_an_exposure_cannot_be_exposed():
    class Fixed(SilentCamera):
        def lock(self, wanted: CameraSettings | None) -> Locked:
            return Locked(CameraSettings(gain=wanted.gain if wanted else None))

    camera = TrayCamera(Fixed(14_000.0), "white")
    camera.settle()

    assert camera.expose() is None


def test_a_camera_that_repeats_one_picture_is_not_measured(fakes, monkeypatch, cameras, capsys):
    frames = [Frame(np.full((90, 160, 3), 200, np.uint8), 0.0, i) for i in range(40)]
    source = fakes.ScriptedSource(frames, live=True)
    monkeypatch.setattr("edge_app.sources.uri.open_source", lambda *_: source)
    monkeypatch.setattr("edge_app.cameras.calibrate.SETTLE_S", 0.0)

    assert calibrate() == 1
    assert "not calibrated: the camera repeats one picture" in capsys.readouterr().err
    assert not cameras.exists()
