from __future__ import annotations

import pytest

from calibration.camera.settings import CameraSettings
from deploy.errors import CameraError, SettingsError
from edge_app.sources import gstreamer
from edge_app.sources.base import Adjustable
from edge_app.sources.csi import CsiSource, lock_properties
from edge_app.sources.uri import open_source


@pytest.fixture(autouse=True)
def with_gstreamer(monkeypatch):
    monkeypatch.setattr(gstreamer, "has_gstreamer", lambda: True)


class Opened:
    """As ApartCapture on a Jetson, and what nvarguscamerasrc prints."""

    said = ""
    fps = 30.0
    pipelines: list[str] = []  # noqa: RUF012

    def __init__(self, what, api, **_):
        Opened.pipelines.append(what)

    def close(self):
        pass


@pytest.fixture
def pipelines(monkeypatch):
    monkeypatch.setattr(gstreamer, "ApartCapture", Opened)
    monkeypatch.setattr(Opened, "pipelines", [])
    monkeypatch.setattr(Opened, "said", "")
    return lambda: Opened.pipelines


def test_the_uri_becomes_the_pipeline_that_a_jetson_takes():
    source = open_source("csi://1?width=1920&height=1080&fps=29.97&flip=2&wbmode=5&tnr-mode=0")

    assert source._pipeline == (
        'nvarguscamerasrc sensor-id=1 wbmode="5" tnr-mode="0"'
        " ! video/x-raw(memory:NVMM),format=NV12,width=1920,height=1080,framerate=2997/100"
        " ! nvvidconv flip-method=2 ! video/x-raw,format=BGRx"
        " ! videoconvert ! video/x-raw,format=BGR"
        " ! appsink drop=true max-buffers=1 sync=false"
    )
    assert (source.name, source.identity, source.live) == ("camera csi://1", "csi-1", True)
    assert isinstance(source, Adjustable)


def test_locks_can_be_given_in_the_uri_by_the_elements_own_names():
    uri = "csi://0?aelock=1&awblock=0&exposuretimerange=5000000,5000000&gainrange=2+2.5"

    assert (
        'aelock="true" awblock="false" exposuretimerange="5000000 5000000" gainrange="2 2.5"'
        in open_source(uri)._pipeline
    )


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("csi://", "write the camera's number, as csi://0"),
        ("csi://front", "write the camera's number"),
        ("csi://0?framerate=30", "known here: width, height, fps, flip, sensor-mode, aelock"),
        ("csi://0?flip=8", "must be a whole number from 0 to 7"),
        ("csi://0?fps=0", "must be a rate above 0"),
        ("csi://0?saturation=3", "must be a number from 0 to 2"),
        ("csi://0?gainrange=4", "two numbers, the lower first"),
        ("csi://0?exposuretimerange=9,1", "two numbers, the lower first"),
        ("csi://0?wbmode=1%22", "must be a whole number from 0 to 9"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_known(uri, said):
    with pytest.raises(SettingsError) as caught:
        open_source(uri)

    assert said in str(caught.value)


def test_a_lock_opens_the_camera_anew_with_exposure_and_gain_of_one_value(pipelines):
    with CsiSource(0) as source:
        locked = source.lock(CameraSettings(exposure_us=8333.3, gain=2))
        source.lock(CameraSettings(exposure_us=8333.3, gain=2))  # held already

    opened = pipelines()
    assert len(opened) == 2
    assert "aelock" not in opened[0]
    for held in ('aelock="true" awblock="true"', 'exposuretimerange="8333300 8333300"',
                 'gainrange="2 2" ispdigitalgainrange="1 1"'):  # fmt: skip
        assert held in opened[1]
    assert locked.settings == CameraSettings(exposure_us=8333.3, gain=2)
    assert [text for text in locked.missing if "white balance as its automatics" in text]
    assert [text for text in locked.missing if "does not say back" in text]


def test_a_lock_stays_when_the_camera_is_lost_and_opened_again(pipelines):
    source = CsiSource(0)
    with source:
        source.lock(None)
    with source:
        assert 'aelock="true" awblock="true"' in pipelines()[-1]


def test_without_values_what_the_automatics_chose_at_the_start_is_held_and_that_is_said(pipelines):
    with CsiSource(0) as source:
        locked = source.lock(None)

    assert locked.settings == CameraSettings()
    assert any("exposure and gain and white balance" in text for text in locked.missing)


def test_a_range_that_the_camera_refuses_does_not_count_as_held(pipelines, monkeypatch):
    monkeypatch.setattr(Opened, "said", "GST_ARGUS: Invalid Exposure Time Range Input\n")
    with CsiSource(0) as source:
        locked = source.lock(CameraSettings(exposure_us=1, gain=2))

    assert locked.settings == CameraSettings(gain=2)
    assert "the camera refused the exposure time range it was given" in locked.missing


def test_an_exposure_longer_than_a_frame_is_spoken_of(pipelines):
    with CsiSource(0) as source:
        locked = source.lock(CameraSettings(exposure_us=40_000))

    assert any("above one frame (33333 µs)" in text for text in locked.missing)
    assert locked.settings.exposure_us == pytest.approx(33_333, abs=1)


def test_settings_that_are_not_given_leave_the_ranges_alone():
    assert lock_properties(CameraSettings(red_gain=1.5)) == {"aelock": "true", "awblock": "true"}


def test_a_camera_that_does_not_open_says_what_to_check(monkeypatch):
    def refused(*_, **__):
        raise CameraError("no frame came within 10 s")

    monkeypatch.setattr(gstreamer, "ApartCapture", refused)
    with (
        pytest.raises(CameraError, match=r"csi://0 .* 10 s\. Check the ribbon cable"),
        CsiSource(0),
    ):
        pass
