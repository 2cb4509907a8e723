"""What the guard lets through: hosts, origins, paths, methods, bodies, and what it answers."""

from __future__ import annotations

import asyncio
import socket

import pytest

from edge_app.web.guard import body, hosts
from edge_app.web.guard.access import Access
from edge_app.web.guard.addresses import is_loopback, own_addresses
from edge_app.web.guard.body import LARGEST_BODY
from edge_app.web.guard.headers import HEADERS
from tests.edge_app.web.guard.visiting import (
    HERE,
    SCANNER,
    Visitor,
    everywhere,
    knock,
    scanner_app,
)


def loopback() -> Access:
    return Access("127.0.0.1", 8080, None, tls=False)


@pytest.fixture
def screen() -> Visitor:
    """The browser of the scanner itself, with the default settings."""
    return Visitor(loopback(), HERE, "localhost")


@pytest.fixture
def phone() -> Visitor:
    """A phone that was paired."""
    access = everywhere()
    visitor = Visitor(access)
    visitor.pair(access.code)
    return visitor


# Hosts: a page whose name was made to resolve to the scanner is not the scanner's.


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "LOCALHOST", "localhost.", "127.0.0.1:1", "127.8.9.1", "[::1]"],
)
def test_on_loopback_the_names_of_loopback_are_taken(screen, host):
    assert screen.ask("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", SCANNER, "0.0.0.0", "[::]", "127.1", "2130706433"],
)
def test_on_loopback_no_other_name_is(screen, host):
    assert screen.ask("/", headers={"Host": host}).status_code == 421
    assert screen.watch(host=host, origin=f"http://{host}")[0]["type"] == "websocket.close"


@pytest.mark.parametrize(
    "host",
    ["", "a b", "localhost:", "localhost:123456", "::1", "[::1", "[zz]", "[1.2]", "a@b", "é"],
)
def test_what_is_no_host_is_refused(screen, host):
    assert screen.ask("/", headers={"Host": host.encode()}).status_code == 400


def test_a_request_with_two_hosts_or_none_is_refused():
    for headers in ([], [(b"host", b"localhost")] * 2):
        scope = {
            **{"type": "http", "method": "GET", "path": "/", "query_string": b""},
            **{"scheme": "http", "headers": headers, "client": (HERE, 1)},
        }
        assert asyncio.run(knock(scanner_app(loopback()), scope))[0]["status"] == 400


def test_beyond_loopback_the_machine_goes_by_its_names_and_addresses(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "Scanner-1.shop")
    monkeypatch.setattr(hosts, "own_addresses", lambda: ("10.0.0.5", "fd00::5"))
    phone = Visitor(everywhere(names=["gems.example"]))
    asked = ("scanner-1.shop", "scanner-1", "scanner-1.local", "gems.example", "localhost")
    asked += (SCANNER, "10.0.0.5", "[FD00:0::5]", "[::ffff:10.0.0.5]")

    for host in asked:
        assert phone.ask("/pair", headers={"Host": f"{host}:8080"}).status_code == 200, host
    for host in ("evil.example", "10.0.0.6", "[fd00::6]", "0.0.0.0", "local", "shop"):
        assert phone.ask("/pair", headers={"Host": host}).status_code == 421, host


def test_a_name_that_the_server_was_bound_to_is_its_own():
    access = Access("scanner.lan", 8080, None, tls=False)

    assert Visitor(access).ask("/pair", headers={"Host": "Scanner.lan"}).status_code == 200


# Strangers


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_no_stranger(address):
    assert Visitor(everywhere(), address).ask("/").text == "the page"


def test_who_comes_from_the_address_that_it_reached_is_this_machine():
    """As the scanner's own browser does, where the server listens to one address alone."""
    access = Access(SCANNER, 8080, None, tls=False)

    assert Visitor(access, SCANNER, SCANNER).ask("/api/pairing").json()["code"] == access.code
    proxied = {"Via": "1.1 other"}
    assert Visitor(access, SCANNER, SCANNER).ask("/", headers=proxied).status_code == 303


@pytest.mark.parametrize(
    "address", ["192.168.1.2", "fe80::1%eth0", "::ffff:10.0.0.1", "", "localhos"]
)
def test_every_other_address_is(address):
    assert Visitor(everywhere(), address).ask("/api/stones").status_code == 401
    assert Visitor(loopback(), address, "localhost").ask("/").status_code == 403


@pytest.mark.parametrize(
    "header", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP"]
)
def test_who_comes_through_a_proxy_is_a_stranger(header):
    """And cannot say that it is not: the header's value does not matter."""
    headers = {header: HERE}

    assert Visitor(everywhere(), HERE).ask("/api/stones", headers=headers).status_code == 401
    assert Visitor(loopback(), HERE, "localhost").ask("/", headers=headers).status_code == 403


def test_http_1_0_is_a_proxys():
    scope = {
        **{"type": "http", "method": "GET", "path": "/", "query_string": b"", "scheme": "http"},
        **{"http_version": "1.0", "headers": [(b"host", b"localhost")], "client": (HERE, 1)},
    }

    assert asyncio.run(knock(scanner_app(loopback()), scope))[0]["status"] == 403


def test_a_server_on_loopback_lets_no_stranger_pair():
    access = loopback()

    assert Visitor(access, host="localhost").pair(access.code).status_code == 403


# Origins


def test_a_change_has_to_come_from_the_own_page(phone):
    for origin in (
        *(None, "null", "", "http://evil.example", f"https://{SCANNER}:8080"),
        *(f"http://{SCANNER}", f"http://{SCANNER}:8081", f"http://{SCANNER}:8080.evil.example"),
    ):
        for method in ("POST", "DELETE"):
            answer = phone.ask("/api/count", method, headers={"Origin": origin}, json={})
            assert answer.status_code == 403, origin
    assert phone.ask("/api/count", "POST", json={}).status_code == 200
    assert phone.ask("/api/count", "DELETE").status_code == 200


def test_so_has_a_socket(phone, screen):
    for visitor in (phone, screen):
        for origin in ("null", "", "http://evil.example", "ws://localhost:8080"):
            assert visitor.watch(origin=origin)[0]["type"] == "websocket.close", origin
        assert visitor.watch()[0]["type"] == "websocket.accept"


def test_over_tls_the_origin_is_https():
    access = everywhere(tls=True)
    phone = Visitor(access)

    assert phone.pair(access.code).status_code == 204
    assert phone.ask("/api/count", "POST", json={}).status_code == 200
    insecure = {"Origin": f"http://{SCANNER}:8080"}
    assert phone.ask("/api/count", "POST", headers=insecure, json={}).status_code == 403
    assert phone.watch()[1]["text"] == "a picture"


def test_a_proxy_may_speak_https_to_the_browser(phone):
    headers = {"Origin": f"https://{SCANNER}:8080", "X-Forwarded-Proto": "https"}

    assert phone.ask("/api/count", "POST", headers=headers, json={}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_another_sites_page_reads_nothing(screen, site):
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}

    assert screen.ask("/", headers=headers).status_code == 403
    assert screen.ask("/api/stones", headers=headers).status_code == 403
    navigates = {**headers, "Sec-Fetch-Mode": "navigate"}
    assert screen.ask("/api/stones", headers=navigates).status_code == 403
    assert screen.ask("/api/count", "POST", headers=navigates).status_code == 403


def test_but_it_may_have_a_link(screen):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert screen.ask("/", headers=headers).status_code == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_own_page_and_an_address_that_was_typed_are_let_in(screen, site):
    assert screen.ask("/api/stones", headers={"Sec-Fetch-Site": site}).status_code == 200


# Targets


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_other_methods_are_refused(screen, method):
    answer = screen.ask("/", method)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST, DELETE"


@pytest.mark.parametrize(
    "path",
    [
        *("", "x", "*", "http://evil/", "/../etc/passwd", "/page/../../x", "/page/..", "/./x"),
        *("/a\\b", "/a\x00b", "/a\nb", "/a\x7f", "/a\x85", "/\ud800"),
    ],
)
def test_a_path_that_could_lead_out_is_refused(path):
    scope = {
        **{"type": "http", "method": "GET", "path": path, "query_string": b"", "scheme": "http"},
        **{"headers": [(b"host", b"localhost")], "client": (HERE, 1)},
    }

    assert asyncio.run(knock(scanner_app(loopback()), scope))[0]["status"] == 400


@pytest.mark.parametrize("path", ["/api/taught/Ruby%2FSpinel", "/api/taught/Gr%C3%BCn", "/a..b"])
def test_a_plain_name_is_none_of_those(screen, path):
    assert screen.ask(path).status_code == 404


def test_long_addresses_are_refused(screen):
    assert screen.ask("/" + "a" * 1023).status_code == 404
    assert screen.ask("/" + "a" * 1024).status_code == 414
    assert screen.ask("/?" + "a" * 2048).status_code == 200
    assert screen.ask("/?" + "a" * 2049).status_code == 414


# Bodies


async def pieces(count: int, size: int = 1024):
    for _ in range(count):
        yield b" " * size


def test_a_body_has_a_largest_size_announced_or_not(screen):
    def send(content):
        return screen.ask("/api/count", "POST", content=content)

    for size, status in ((LARGEST_BODY, 200), (LARGEST_BODY + 1, 413)):
        assert send(b" " * size).status_code == status
    assert send(pieces(16)).json() == {"bytes": LARGEST_BODY}
    refused = send(pieces(17))
    assert refused.status_code == 413
    assert refused.headers["connection"] == "close"


def test_a_body_is_json(screen):
    for kind in (None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""):
        headers = {"Content-Type": kind}
        answer = screen.ask("/api/count", "POST", content=b"{}", headers=headers)
        assert answer.status_code == 415, kind
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert screen.ask("/api/count", "POST", content=b"{}", headers=headers).json() == {"bytes": 2}


def test_without_a_body_no_type_is_needed(screen):
    assert screen.ask("/api/count", "POST").json() == {"bytes": 0}


@pytest.mark.parametrize("length", ["-1", "+5", "5,5", "0x5", "five", "", "٥"])
def test_a_length_that_is_no_number_is_refused(screen, length):
    answer = screen.ask(
        "/api/count", "POST", content=b"{}", headers={"Content-Length": length.encode()}
    )

    assert answer.status_code == 400


def test_two_ways_to_say_the_length_are_one_too_many(screen):
    """A proxy may go by one and the scanner by the other (RFC 9112, section 6.1)."""
    headers = {"Transfer-Encoding": "chunked", "Content-Length": "2"}

    assert screen.ask("/api/count", "POST", content=b"{}", headers=headers).status_code == 400


def test_a_length_of_a_thousand_digits_is_too_large(screen):
    headers = {"Content-Length": "9" * 1000}

    assert screen.ask("/api/count", "POST", content=b"{}", headers=headers).status_code == 413


def test_a_body_that_does_not_come_is_not_waited_for(screen, monkeypatch):
    monkeypatch.setattr(body, "BODY_TIMEOUT_S", 0.05)

    async def slow():
        yield b"{"
        await asyncio.sleep(30)

    answer = screen.ask("/api/count", "POST", content=slow())

    assert answer.status_code == 408


def test_a_stranger_s_body_is_not_read():
    async def never():
        raise AssertionError("it was read")
        yield b""

    answer = Visitor(everywhere()).ask("/api/count", "POST", content=never())

    assert answer.status_code == 401
    assert answer.headers["connection"] == "close"


# Answers


def test_every_answer_carries_the_headers(screen, phone):
    stranger = Visitor(everywhere())
    answers = [
        *(screen.ask("/"), screen.ask("/api/stones"), screen.ask("/none"), screen.ask("/", "PUT")),
        *(screen.ask("/api/broken"), screen.ask("/", headers={"Host": "evil.example"})),
        *(stranger.ask("/"), stranger.ask("/api/stones"), stranger.ask("/pair")),
        *(phone.ask("/"), phone.pair("no")),
    ]

    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers.get_list(name) == [value], (answer.url, name)
        cache = "no-store" if answer.url.path.startswith("/api/") else "no-cache"
        assert answer.headers["cache-control"] == cache


def test_the_policy_allows_nothing_from_elsewhere():
    policy = HEADERS["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy


def test_an_error_of_the_app_tells_the_log_and_not_the_browser(screen, caplog):
    answer = screen.ask("/api/broken")

    assert answer.status_code == 500
    assert answer.json() == {"error": "The scanner could not do this; its log says why."}
    assert "RuntimeError: a secret of /home/somebody" in caplog.text
    assert "GET /api/broken failed" in caplog.text


def test_an_error_that_the_app_explains_is_passed_on(screen):
    answer = screen.ask("/api/unwell")

    assert (answer.status_code, answer.json()) == (507, {"error": "the disk is full"})


def test_an_error_in_a_socket_closes_it(screen, caplog):
    sent = screen.watch("/api/broken_live")

    assert sent[-1] == {"type": "websocket.close", "code": 1011}
    assert "RuntimeError: a secret" in caplog.text


def test_programs_are_answered_in_json_and_people_in_text(screen):
    headers = {"Host": "evil.example"}

    assert "error" in screen.ask("/api/stones", headers=headers).json()
    assert screen.ask("/", headers=headers).text.startswith("The scanner does not go by")


# Addresses


def test_own_addresses_are_addresses_that_others_reach():
    found = own_addresses()

    assert len(set(found)) == len(found)
    assert not any(map(is_loopback, found))


def test_the_urls_fit_what_the_server_listens_to(monkeypatch):
    found = ("192.168.1.20", "10.0.0.5", "fd00::5")
    monkeypatch.setattr("edge_app.web.guard.access.own_addresses", lambda: found)

    def urls(host, port=8080, tls=False):
        return Access(host, port, None, tls=tls).addresses()

    assert urls("127.0.0.1") == urls("localhost") == urls("::1") == ()
    assert urls("0.0.0.0") == ("http://192.168.1.20:8080/", "http://10.0.0.5:8080/")
    assert urls("0.0.0.0", 80)[0] == "http://192.168.1.20/"
    assert urls("0.0.0.0", 443, tls=True)[0] == "https://192.168.1.20/"
    assert len(urls("")) == len(urls("::")) == 3
    assert urls("10.0.0.5") == ("http://10.0.0.5:8080/",)
    assert urls("scanner.local", 8443, tls=True) == ("https://scanner.local:8443/",)
