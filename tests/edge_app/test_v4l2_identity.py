from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.v4l2 import identity as v4l2_identity
from edge_app.v4l2.identity import identity_of, stable_path


@pytest.fixture
def node(tmp_path, monkeypatch):
    """Makes a camera's folder in a /sys of its own, with the files given."""
    monkeypatch.setattr(v4l2_identity, "SYSFS", tmp_path / "class")

    def make(number: int, port: str, *, interface: str = "00", **usb: str) -> Path:
        device = tmp_path / "devices" / port
        inner = device / f"{port}:1.{int(interface)}"
        inner.mkdir(parents=True)
        for name, text in usb.items():
            (device / name).write_text(f"{text}\n")
        (inner / "bInterfaceNumber").write_text(f"{interface}\n")
        folder = tmp_path / "class" / f"video{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text("vi-output, imx219 9-0010\n")
        (folder / "device").symlink_to(inner)
        return Path(f"/dev/video{number}")

    return make


def test_a_webcam_is_the_same_at_another_port_and_under_another_number(node):
    usb = {"idVendor": "046d", "idProduct": "0825", "serial": "9F3A"}

    assert identity_of(node(0, "1-1", **usb)) == "usb:046d:0825:9F3A"
    assert identity_of(node(3, "2-4", **usb)) == "usb:046d:0825:9F3A"


def test_a_webcam_without_a_serial_number_is_known_by_its_model(node):
    assert identity_of(node(0, "1-1", idVendor="046d", idProduct="0825")) == "usb:046d:0825"


def test_two_cameras_in_one_usb_device_are_told_apart(node):
    usb = {"idVendor": "0bda", "idProduct": "58f4", "serial": "01"}

    assert identity_of(node(2, "1-6", interface="02", **usb)) == "usb:0bda:58f4:01:02"


def test_a_camera_that_is_not_usb_is_known_by_its_socket_and_name(node):
    assert identity_of(node(0, "vi")) == "vi:1.0:vi-output, imx219 9-0010"


def test_a_camera_of_which_nothing_is_known_has_an_identity_too():
    assert identity_of(Path("/dev/video99")).endswith("video99")


def test_the_name_that_stays_is_the_link_to_this_camera(tmp_path):
    for number in (0, 1):
        (tmp_path / f"video{number}").touch()
        (tmp_path / f"usb-Cam-video-index{number}").symlink_to(f"video{number}")

    assert stable_path(tmp_path / "video1", tmp_path) == tmp_path / "usb-Cam-video-index1"
    assert stable_path(tmp_path / "video2", tmp_path) is None
    assert stable_path(tmp_path / "video1", tmp_path / "nowhere") is None
