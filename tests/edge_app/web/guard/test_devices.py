"""Paired devices: seen, listed, and forgotten one by one."""

from __future__ import annotations

import json

import pytest

from edge_app.web.guard import devices
from edge_app.web.guard.device_name import device_name
from edge_app.web.guard.devices import SEEN_KEPT_S, PairedDevices, devices_file
from tests.desks import until
from tests.edge_app.web.guard.visiting import HERE, SCANNER, Clock, Visitor, everywhere

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"


@pytest.fixture
def today(monkeypatch):
    """Sets the hour of the machine's clock."""

    def at(hour: int) -> str:
        text = f"2026-03-01T{hour:02}:00:00.000Z"
        monkeypatch.setattr(devices, "utc_now", lambda: text)
        return text

    at(8)
    return at


def paired(access, address: str, **headers: str) -> Visitor:
    visitor = Visitor(access, address)
    answer = visitor.ask("/api/pair", "POST", json={"code": access.code}, headers=headers)
    assert answer.status_code == 204
    return visitor


def listed(access) -> list[dict]:
    return Visitor(access, HERE, "localhost").ask("/api/devices").json()["devices"]


def forget(visitor: Visitor, device_id: object):
    return visitor.ask("/api/devices", "DELETE", content=json.dumps({"id": device_id}))


def test_devices_are_listed_by_when_they_were_seen_last(today):
    access = everywhere()
    phone = paired(access, "192.168.1.77", **{"User-Agent": IPHONE})
    today(9)
    paired(access, "192.168.1.78")
    today(11)
    phone.address = "192.168.1.79"
    phone.watch()

    first, second = listed(access)

    assert first == {
        "id": first["id"],
        "name": "iPhone",
        "address": "192.168.1.79",
        "paired_at": today(8),
        "seen_at": today(11),
    }
    assert (second["name"], second["address"]) == ("Device", "192.168.1.78")
    assert second["seen_at"] == today(9)


def test_a_device_is_forgotten_and_the_others_stay(tmp_path):
    access = everywhere(folder=tmp_path)
    one, other = paired(access, "192.168.1.77"), paired(access, "192.168.1.78")
    screen = Visitor(access, HERE, "localhost")
    gone = next(d["id"] for d in listed(access) if d["address"] == "192.168.1.77")

    assert forget(screen, gone).status_code == 204
    assert [d["address"] for d in listed(access)] == ["192.168.1.78"]
    assert (one.ask("/api/stones").status_code, other.ask("/api/stones").status_code) == (401, 200)
    assert one.watch()[-1]["code"] == 4401
    assert forget(screen, gone).json() == {"error": "That device is not paired any more."}

    again = everywhere(folder=tmp_path)
    one.app, other.app = Visitor(again).app, Visitor(again).app
    assert (one.ask("/api/stones").status_code, other.ask("/api/stones").status_code) == (401, 200)


@pytest.mark.parametrize("address", ["192.168.1.77", HERE])
def test_nobody_else_sees_or_forgets_devices(address):
    """Not a paired device, nor somebody behind a proxy on the scanner."""
    access = everywhere()
    phone = paired(access, "192.168.1.77")
    phone.address, device_id = address, listed(access)[0]["id"]
    proxied = {"Via": "1.1 shop"} if address == HERE else {}
    body = json.dumps({"id": device_id})

    refused = [
        phone.ask("/api/devices", headers=proxied),
        phone.ask("/api/devices", "DELETE", content=body, headers=proxied),
    ]

    assert [answer.status_code for answer in refused] == [403, 403]
    assert refused[0].json() == {"error": "Paired devices are shown on the scanner itself only."}
    assert len(listed(access)) == 1


def test_who_is_not_paired_does_not_even_learn_that():
    assert Visitor(everywhere()).ask("/api/devices").status_code == 401


def test_another_sites_page_forgets_nobody():
    access = everywhere()
    paired(access, "192.168.1.77")
    screen = Visitor(access, HERE, "localhost")
    body, evil = json.dumps({"id": listed(access)[0]["id"]}), {"Origin": "http://evil.example"}

    answer = screen.ask("/api/devices", "DELETE", content=body, headers=evil)

    assert answer.status_code == 403
    assert len(listed(access)) == 1


@pytest.mark.parametrize(
    ("body", "status"), [("{}", 400), ("[", 400), ('{"id": 1}', 400), ('{"id": "é"}', 404)]
)
def test_what_names_no_device_is_a_sentence(body, status):
    answer = Visitor(everywhere(), HERE, "localhost").ask("/api/devices", "DELETE", content=body)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


def test_what_is_shown_of_a_device_lets_nobody_in():
    access = everywhere()
    token = paired(access, "192.168.1.77").cookies["gemscan-8080"]
    shown = listed(access)[0]

    assert "token_sha256" not in shown
    assert access.knows(token)
    assert not access.knows(shown["id"])


def test_a_device_that_would_come_back_after_a_restart_is_told(tmp_path):
    access = everywhere(folder=tmp_path / "kept")
    phone = paired(access, "192.168.1.77")
    (tmp_path / "kept" / devices_file(8080)).unlink()
    (tmp_path / "kept").rmdir()
    (tmp_path / "kept").write_text("no folder")

    answer = forget(Visitor(access, HERE, SCANNER), listed(access)[0]["id"])

    assert answer.status_code == 507
    assert "after a restart" in answer.json()["error"]
    assert phone.ask("/api/stones").status_code == 401


def test_when_a_device_was_seen_is_kept_once_an_hour(tmp_path, today):
    path, clock = tmp_path / devices_file(8080), Clock()
    first = PairedDevices(path, clock)
    token = first.add("iPhone", "192.168.1.77")

    def kept() -> str:
        return PairedDevices(path).last_seen()[0].seen_at

    seen = today(9)
    first.knows(token)
    until(lambda: kept() == seen)  # the first time after a start
    today(10)
    clock.now += SEEN_KEPT_S - 1
    first.knows(token)
    assert first.last_seen()[0].seen_at == today(10)
    assert kept() == seen
    clock.now += 1
    first.knows(token)
    until(lambda: kept() == today(10))
    assert PairedDevices(path).knows(token)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (IPHONE, "iPhone"),
        (
            "Mozilla/5.0 (Linux; Android 10; K) Chrome/140.0.0.0 Mobile Safari/537.36",
            "Android phone",
        ),
        ("Mozilla/5.0 (Linux; Android 10; K) Chrome/140.0.0.0 Safari/537.36", "Android tablet"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605", "Mac or iPad"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Firefox/142.0", "Windows PC"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/140.0.0.0", "Chromebook"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Firefox/142.0", "Linux PC"),
        ("<script>", "Device"),
        ("", "Device"),
    ],
)
def test_a_device_is_called_by_what_it_runs_on(user_agent, name):
    assert device_name(user_agent) == name
