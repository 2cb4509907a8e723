"""A camera's profile on the disk: whole, read strictly, and never another camera's."""

from __future__ import annotations

import json
import pwd
import re
from dataclasses import replace

import pytest

from calibration.camera.profile import (
    ProfileError,
    find_profile,
    load_profile,
    profile_path,
    profiles_folder,
    save_profile,
)
from calibration.camera.settings import CameraSettings
from deploy.errors import SettingsError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GEMSCAN_CAMERAS", str(tmp_path / "cameras"))
    return tmp_path / "cameras"


def test_a_saved_profile_is_found_by_its_camera_and_equal(profile):
    save_profile(profile)

    assert find_profile(profile.identity) == profile


def test_a_camera_that_was_never_calibrated_has_none(profile):
    save_profile(profile)

    assert find_profile("another camera") is None


def test_two_cameras_whose_names_read_alike_have_a_file_each():
    assert profile_path("usb 1.2") != profile_path("usb 1:2")
    assert profile_path("usb 1.2").name.startswith("usb-1-2-")


def test_a_second_calibration_takes_the_place_of_the_first(profile, folder):
    save_profile(profile)
    save_profile(replace(profile, white=0.85))

    assert find_profile(profile.identity).white == 0.85
    assert len(list(folder.iterdir())) == 1


def test_profiles_lie_among_the_users_settings(tmp_path, monkeypatch):
    monkeypatch.delenv("GEMSCAN_CAMERAS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert profiles_folder() == tmp_path / "gemscan" / "cameras"

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert profiles_folder() == tmp_path / ".config" / "gemscan" / "cameras"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # no entry: KeyError
    assert find_profile("camera") is None
    with pytest.raises(SettingsError, match="Set GEMSCAN_CAMERAS"):
        profiles_folder()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("white", 0, "white must be from 0.02 to 8, not 0"),
        ("white", None, "white must be float, not None"),
        ("schema", 2, "its schema is 2"),
        ("gains_bgr", [1, 1], "gains_bgr must be three numbers"),
        ("gains_bgr", [1, 1, 0.5], "gains_bgr must be three numbers"),
        ("area", [0, 0, 0, 1], "area must be left, top, right and bottom"),
        ("reference", "black", "reference must be white or grey, not black"),
        ("flat_field", [[[1, 1, 1], [1, 1, 1]]], "flat_field must be two rows or more"),
        ("flat_field", [[[1, 1, 1], [1, 1, 1]], [[1, 1, 1]]], "all as long"),
        ("flat_field", [[[1, 1, 1], [1, 1, 0]]] * 2, "points must be three numbers"),
        ("width", 0, "a frame of 0 x 720"),
        ("settings", {"exposure_us": 1.0}, "settings lacks"),
        ("colour", "red", "has “colour”, which is not known"),
    ],
)
def test_a_profile_that_was_altered_is_refused(profile, name, value, said):
    path = save_profile(profile)
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, name: value}))

    with pytest.raises(ProfileError, match=re.escape(said)) as caught:
        find_profile(profile.identity)
    assert str(path) in str(caught.value)
    assert "Run gemscan calibrate-camera again, or remove the file." in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe{", b"[]"])
def test_a_damaged_file_is_an_error_and_never_taken_for_no_profile(profile, data):
    path = save_profile(profile)
    path.write_bytes(data)

    with pytest.raises(ProfileError, match=r"Run gemscan calibrate-camera again"):
        find_profile(profile.identity)


def test_a_file_copied_from_another_camera_is_refused(profile):
    path = save_profile(profile)
    other = replace(profile, identity="the other one")
    profile_path(other.identity).write_bytes(path.read_bytes())

    with pytest.raises(ProfileError, match=r"is of the camera usb 046d:0825 at 1\.2"):
        find_profile(other.identity)


def test_a_file_that_may_not_be_read_says_so(tmp_path):
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path)


def test_settings_keep_what_is_not_known(profile):
    save_profile(replace(profile, settings=CameraSettings()))

    assert find_profile(profile.identity).settings == CameraSettings()


def test_a_folder_that_cannot_be_asked_is_an_error_of_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("GEMSCAN_CAMERAS", str(tmp_path / ("x" * 300)))

    with pytest.raises(ProfileError, match="cannot be read"):
        find_profile("camera")
