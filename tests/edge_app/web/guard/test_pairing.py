"""Pairing: the code, the tries, the cookie, what is kept."""

from __future__ import annotations

import json
import logging
import re

import pytest

from edge_app.web.guard.access import Access
from edge_app.web.guard.devices import MOST, devices_file
from edge_app.web.guard.pairing import FILES, PAGE
from tests.edge_app.web.guard.visiting import HERE, PHONE, Clock, Visitor, everywhere

FILE = devices_file(8080)


def wrong(access: Access) -> str:
    return "000000" if access.code != "000000" else "000001"


def token(visitor: Visitor) -> str:
    return visitor.cookies["gemscan-8080"]


def test_a_phone_sees_nothing_until_it_has_the_code():
    access = everywhere()
    phone = Visitor(access)

    assert phone.ask("/api/stones").status_code == 401
    assert phone.ask("/").headers["location"] == "/pair"
    assert phone.watch()[-1]["code"] == 4401
    assert phone.pair(access.code).status_code == 204
    assert phone.ask("/api/stones").json() == {"stones": []}
    assert phone.ask("/").text == "the page"
    assert phone.watch()[1]["text"] == "a picture"


def test_the_refusal_of_a_socket_reaches_the_page_as_a_close_code():
    """A socket that was never accepted is 1006 to a page, whatever the reason."""
    assert [message["type"] for message in Visitor(everywhere()).watch()] == [
        "websocket.accept",
        "websocket.close",
    ]


@pytest.mark.parametrize(("path", "name"), FILES.items())
def test_the_pairing_page_is_there_for_who_is_not_paired(path, name):
    answer = Visitor(everywhere()).ask(path)

    assert answer.status_code == 200
    assert answer.text == (PAGE / name).read_text()


def test_the_pairing_page_asks_for_nothing_that_is_closed_to_it():
    """Its style and script are among the open paths, and it has nothing inline."""
    html = (PAGE / "pair.html").read_text()

    assert set(re.findall(r'(?:src|href)="([^"]+)"', html)) == set(FILES) - {"/pair"}
    assert not re.search(r"<style|\bstyle=|\son\w+=|<script(?![^>]*src=)", html)


@pytest.mark.parametrize("path", ["/page/index.html", "/pair/", "/api/pair/x", "/PAIR", "/docs"])
def test_nothing_else_is(path):
    assert Visitor(everywhere()).ask(path).status_code in (303, 401)


def test_the_scanner_itself_needs_no_code_and_shows_it():
    access = everywhere()
    screen = Visitor(access, HERE, "localhost")

    assert screen.ask("/api/stones").status_code == 200
    assert screen.watch()[1]["text"] == "a picture"
    shown = screen.ask("/api/pairing").json()
    assert (shown["needed"], shown["code"]) == (True, access.code)


def test_the_code_is_shown_to_nobody_else():
    access = everywhere()
    phone = Visitor(access)
    phone.pair(access.code)

    assert phone.ask("/api/pairing").status_code == 403
    assert access.code not in phone.ask("/api/pairing").text


def test_a_code_works_once():
    access = everywhere()
    code = access.code
    Visitor(access).pair(code)

    assert access.code != code
    assert Visitor(access).pair(code).status_code == 403


def test_the_cookie_is_for_this_scanner_and_no_script():
    access = everywhere()
    cookie = Visitor(access).pair(access.code).headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}

    assert parts == {"httponly", "samesite=strict", "path=/", f"max-age={180 * 24 * 3600}"}


def test_over_tls_the_cookie_is_secure_and_bound_to_the_host():
    access = everywhere(tls=True)
    cookie = Visitor(access).pair(access.code).headers["set-cookie"]

    assert cookie.startswith("__Host-gemscan-8080=")
    assert "; secure" in cookie.lower()
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize("body", ["", "[]", "12", '{"code": 123456}', "{}", "[" * 15000, '"x'])
def test_a_body_without_a_code_is_a_sentence(body):
    answer = Visitor(everywhere()).ask("/api/pair", "POST", content=body or b" ")

    assert answer.status_code == 400
    assert answer.json() == {"error": "Send the code that the scanner shows."}


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "\ud800", "x" * 9000])
def test_what_is_no_code_is_a_wrong_one(code):
    answer = Visitor(everywhere()).ask("/api/pair", "POST", content=json.dumps({"code": code}))

    assert answer.status_code == 403


def test_blanks_in_a_code_do_not_matter():
    access = everywhere()

    assert Visitor(access).pair(f" {access.code[:3]} {access.code[3:]}").status_code == 204


def test_five_wrong_codes_in_a_minute_make_an_address_wait_and_the_code_another():
    clock = Clock()
    access = everywhere(clock=clock)
    phone = Visitor(access)
    first = access.code
    answers = [phone.pair(wrong(access)) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 429]
    assert answers[-1].headers["retry-after"] == "60"
    assert access.code != first
    assert phone.pair(access.code).status_code == 429
    clock.now += 61
    assert phone.pair(access.code).status_code == 204


def test_another_address_may_still_pair():
    access = everywhere(clock=Clock())
    for _ in range(5):
        Visitor(access).pair(wrong(access))

    assert Visitor(access, "192.168.1.78").pair(access.code).status_code == 204


def test_twenty_wrong_codes_from_anywhere_make_everyone_wait():
    clock = Clock()
    access = everywhere(clock=clock)
    statuses = [
        Visitor(access, f"192.168.1.{number + 100}").pair(wrong(access)).status_code
        for number in range(21)
    ]

    assert statuses == [403] * 19 + [429] * 2
    clock.now += 599
    assert Visitor(access).pair(access.code).headers["retry-after"] == "1"
    clock.now += 2
    assert Visitor(access).pair(access.code).status_code == 204


def test_a_thousand_tries_take_no_more_room_than_twenty():
    access = everywhere(clock=Clock())
    for number in range(1000):
        with pytest.raises(Exception, match="code"):
            access.pair(f"10.0.{number // 250}.{number % 250}", "wrong")

    assert len(access._tries._wrong) == 20


def test_a_paired_phone_is_known_after_a_restart(tmp_path):
    before = everywhere(folder=tmp_path)
    phone = Visitor(before)
    phone.pair(before.code)
    again = Visitor(everywhere(folder=tmp_path))
    again.cookies = phone.cookies

    assert again.ask("/api/stones").status_code == 200


def test_two_scanners_of_one_computer_leave_each_others_devices_alone(tmp_path):
    """A browser sends both cookies to both, since cookies know no ports."""
    first, second = (everywhere(folder=tmp_path, port=port) for port in (8080, 8081))
    phone, other = Visitor(first), Visitor(second)
    phone.pair(first.code)
    other.cookies = phone.cookies
    assert other.ask("/api/stones").status_code == 401
    other.pair(second.code)
    Visitor(first).pair(first.code)

    for port in (8080, 8081):
        again = Visitor(everywhere(folder=tmp_path, port=port))
        again.cookies = other.cookies
        assert again.ask("/api/stones").status_code == 200


def test_the_file_of_an_earlier_version_pairs_nobody_and_locks_nobody_out(tmp_path):
    old = {"devices": [{"token_sha256": "0" * 64, "paired_at": "2026-01-01T00:00:00.000Z"}]}
    for name in ("paired.json", FILE):
        (tmp_path / name).write_text(json.dumps(old))
    access = everywhere(folder=tmp_path)

    assert access.devices() == []
    assert Visitor(access).pair(access.code).status_code == 204


def test_what_is_kept_lets_nobody_in(tmp_path):
    access = everywhere(folder=tmp_path)
    phone = Visitor(access)
    phone.pair(access.code)
    kept = tmp_path / FILE
    text = kept.read_text()

    assert kept.stat().st_mode & 0o777 == 0o600
    assert token(phone) not in text
    hashed = json.loads(text)["devices"][0]["token_sha256"]
    assert access.knows(token(phone))
    assert not access.knows(hashed)


def test_removing_the_file_forgets_every_device(tmp_path):
    access = everywhere(folder=tmp_path)
    given = access.pair(PHONE, access.code)
    (tmp_path / FILE).unlink()

    assert not everywhere(folder=tmp_path).knows(given)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"devices": [1]}', b'{"devices": [{"token_sha256": "x"}]}']
)
def test_a_damaged_file_pairs_nobody_and_stops_nothing(tmp_path, content, caplog):
    (tmp_path / FILE).write_bytes(content)
    access = everywhere(folder=tmp_path)

    assert "have to be paired again" in caplog.text
    assert Visitor(access).pair(access.code).status_code == 204


def test_a_place_that_cannot_be_written_pairs_until_the_end(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    access = everywhere(folder=blocked)
    phone = Visitor(access)

    assert phone.pair(access.code).status_code == 204
    assert phone.ask("/api/stones").status_code == 200
    assert "paired again after a restart" in caplog.text


def test_of_too_many_devices_the_oldest_is_forgotten():
    access = everywhere()
    given = [access.pair(PHONE, access.code) for _ in range(MOST + 1)]

    assert not access.knows(given[0])
    assert all(map(access.knows, given[1:]))


@pytest.mark.parametrize("cookie", ["", "x", "\udcff", "é" * 30, "x" * 10000])
def test_other_cookies_are_not_known(cookie):
    assert not everywhere().knows(cookie)


def test_neither_code_nor_token_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    access = everywhere()
    code = access.code
    phone = Visitor(access)
    phone.pair(wrong(access))
    phone.pair(code)

    assert PHONE in caplog.text
    assert code not in caplog.text
    assert token(phone) not in caplog.text


def test_on_loopback_there_is_nothing_to_pair():
    access = Access("127.0.0.1", 8080, None, tls=False)
    screen = Visitor(access, HERE, "localhost")

    assert screen.ask("/api/pairing").json() == {"needed": False, "code": "", "urls": []}
    assert screen.pair(access.code).status_code == 404


def test_a_code_has_six_digits_each_time():
    codes = {everywhere().code for _ in range(200)}

    assert {len(code) for code in codes} == {6}
    assert all(code.isdigit() for code in codes)
    assert len(codes) > 150
