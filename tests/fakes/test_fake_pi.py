"""The rules of the fake picamera2, each of which the real one has."""

from __future__ import annotations

import importlib
import time

import pytest


@pytest.fixture
def camera(pi):
    """One that delivers small pictures."""
    one = importlib.import_module("picamera2").Picamera2()
    one.configure(one.create_video_configuration({"size": (64, 48), "format": "RGB888"}))
    yield one
    one.close()


def first_request(camera):
    kept = []
    camera.post_callback = lambda request: kept or (request.acquire(), kept.append(request))
    camera.start()
    deadline = time.monotonic() + 5
    while not kept and time.monotonic() < deadline:
        time.sleep(0.001)
    return kept[0]


def test_a_request_is_given_back_once(camera):
    request = first_request(camera)
    request.release()
    time.sleep(0.02)

    with pytest.raises(RuntimeError, match="ref_count 0"):
        request.acquire()
    with pytest.raises(RuntimeError, match="negative ref_count"):
        request.release()


def test_a_request_that_was_given_back_has_no_picture(camera):
    request = first_request(camera)
    assert request.make_array("main").shape == (48, 64, 3)
    with pytest.raises(RuntimeError, match="'lores' is not defined"):
        request.make_array("lores")
    time.sleep(0.02)
    request.release()

    with pytest.raises(RuntimeError, match="'main' is not defined"):
        request.make_array("main")


def test_a_control_that_the_camera_has_not_is_refused(pi, camera):
    with pytest.raises(RuntimeError, match="Control HdrMode is not advertised by libcamera"):
        camera.set_controls({"HdrMode": 1})


def test_an_unknown_key_of_a_stream_is_refused(camera):
    with pytest.raises(ValueError, match="Bad key 'sise'"):
        camera.create_video_configuration({"sise": (64, 48)})


def test_a_camera_that_runs_cannot_be_configured(camera):
    camera.start()

    with pytest.raises(RuntimeError, match="must be stopped"):
        camera.configure({"main": {}})


def test_one_program_has_a_camera_at_a_time(camera):
    with pytest.raises(RuntimeError, match="did not complete") as caught:
        importlib.import_module("picamera2").Picamera2()

    assert "busy" in str(caught.value.__cause__)


def test_a_misspelt_setting_is_refused(pi, monkeypatch):
    monkeypatch.setenv("FAKE_PI", '{"bussy": true}')

    with pytest.raises(ValueError, match="bussy"):
        pi.setting("busy")
