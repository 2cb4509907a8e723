from __future__ import annotations

import importlib.util
import sys
from types import SimpleNamespace

import pytest

import gemscan
from edge_app.cameras.pi import find_pi_cameras
from edge_app.machine import facts as machine

INFO = [  # as Picamera2.global_camera_info() of 0.3.x gives it
    {"Model": "imx708", "Location": 2, "Rotation": 180, "Id": "/base/soc/imx708@1a", "Num": 0},
    {"Model": "Webcam", "Id": "/base/scb/pcie/usb@0,0-1:1.0-046d:0825", "Num": 1},
]


@pytest.fixture
def board(monkeypatch):
    """A Raspberry Pi on which picamera2 lists its cameras, or fails."""

    def make(info):
        def said():
            if isinstance(info, Exception):
                raise info
            return info

        fake = SimpleNamespace(Picamera2=SimpleNamespace(global_camera_info=said))
        monkeypatch.setitem(sys.modules, "picamera2", fake)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
        monkeypatch.setattr(machine, "board", lambda: "Raspberry Pi 5 Model B Rev 1.0")

    return make


def test_a_camera_at_the_ribbon_is_listed_and_a_webcam_is_not_listed_twice(board, capsys):
    board(INFO)

    assert [one.uri for one in find_pi_cameras()] == ["picamera2://0"]
    assert gemscan.main(["cameras"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "picamera2://0  imx708",
        "  driver    libcamera",
        "  identity  picamera2 imx708 /base/soc/imx708@1a",
        "  locks     exposure, gain, white balance",
    ]


def test_a_libcamera_that_fails_is_warned_of_and_hides_no_webcam(board, caplog):
    board(RuntimeError("no camera manager"))

    assert find_pi_cameras() == []
    assert "no camera manager" in caplog.text


def test_elsewhere_picamera2_is_not_even_looked_for(board, monkeypatch):
    board(INFO)
    monkeypatch.setattr(machine, "board", lambda: "")

    assert find_pi_cameras() == []


def test_without_a_camera_it_is_said_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr("edge_app.cameras.listing.video_devices", lambda: [])
    monkeypatch.setattr(machine, "board", lambda: "")

    assert gemscan.main(["cameras"]) == 1
    assert capsys.readouterr().out.startswith("no camera. Plug one in")
