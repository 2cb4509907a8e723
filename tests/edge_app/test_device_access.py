from __future__ import annotations

import grp
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from edge_app.cameras import access as device_access
from edge_app.cameras.access import held_by, holders, permission_remedy, unseen_holder

HOLD = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def group(monkeypatch):
    """Makes the device belong to a group of the given members; the user is installer."""

    def make(device, members=(), *, mine=(), name="video"):
        monkeypatch.setattr(type(device), "stat", lambda *_, **__: SimpleNamespace(st_gid=44))
        entry = SimpleNamespace(gr_name=name, gr_mem=list(members))
        monkeypatch.setattr(grp, "getgrgid", {44: entry}.__getitem__ if name else {}.__getitem__)
        monkeypatch.setattr(os, "getgroups", lambda: list(mine))
        monkeypatch.setattr(os, "getegid", lambda: 1000)
        monkeypatch.setattr(device_access.getpass, "getuser", lambda: "installer")
        return permission_remedy(device)

    return make


def test_a_device_that_went_meanwhile_is_to_be_plugged_in_again(tmp_path):
    assert permission_remedy(tmp_path / "video0") == "plug it in again"


def test_who_has_a_file_open_is_named_also_by_a_link_to_it(tmp_path):
    device, link = tmp_path / "video0", tmp_path / "by-id"
    device.touch()
    link.symlink_to("video0")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"open\n"
        assert [one.pid for one in holders(device)] == [child.pid]
        assert held_by(link).startswith(f"{link} is held by python")
        assert f"(pid {child.pid}): close that program." in held_by(link)
        child.stdin.close()
    assert held_by(device) == ""


def test_a_file_that_this_program_has_open_is_held_by_nobody_else(tmp_path):
    (tmp_path / "video0").touch()
    with (tmp_path / "video0").open():
        assert holders(tmp_path / "video0") == []


def test_a_holder_of_another_user_is_to_be_asked_for_as_root(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "another user; this names it: sudo fuser -v" in unseen_holder(tmp_path)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "maybe outside this container" in unseen_holder(tmp_path)


def test_a_user_who_is_not_in_the_group_is_told_to_be_added(tmp_path, group):
    said = group(tmp_path, members=["somebody"], mine=[1000])

    assert said == "sudo usermod -aG video installer, then log out and in again"


def test_a_user_who_was_added_and_has_not_logged_in_again_is_told_to(tmp_path, group):
    said = group(tmp_path, members=["installer"], mine=[1000])

    assert said == "installer was added to group video after logging in: log out and in again"


def test_a_group_that_may_not_use_the_device_itself_is_told_apart(tmp_path, group):
    said = group(tmp_path, members=["installer"], mine=[44])

    assert said.startswith("group video may not use it either: sudo chmod g+rw")


def test_a_group_without_a_name_is_told_by_its_number(tmp_path, group):
    assert "belongs to group 44, which has no name here" in group(tmp_path, name="")


def test_a_device_of_roots_own_gets_a_group_first(tmp_path, monkeypatch):
    monkeypatch.setattr(type(tmp_path), "stat", lambda *_, **__: SimpleNamespace(st_gid=0))

    assert permission_remedy(tmp_path).startswith("sudo chgrp video ")
