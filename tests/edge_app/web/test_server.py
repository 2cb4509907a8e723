from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from deploy.errors import SettingsError
from edge_app.live.reading import Reading
from edge_app.web import live_socket
from edge_app.web.guard import limits
from edge_app.web.live import LivePicture
from edge_app.web.live_socket import LiveSocket
from edge_app.web.server import Listen, WebServer, open_socket

NOTHING = Reading(None, None, 30.0, 12.0)
FRAME = np.full((90, 160, 3), 80, np.uint8)


@contextmanager
def serving(live: LivePicture | None = None):
    """The address of a server with a greeting and, for `live`, the socket."""
    routes: list = [Route("/", lambda request: PlainTextResponse("good day"))]
    if live is not None:
        routes.append(WebSocketRoute("/live", LiveSocket(live).__call__))
    taken = open_socket(Listen(port=0))
    with WebServer(Starlette(routes=routes), taken, {}):
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def looping(live: LivePicture):
    """A loop that shows one frame after another."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.005):
            live.update(FRAME, NOTHING)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


@contextmanager
def served_loop():
    """The address of a loop's page."""
    with LivePicture() as live, serving(live) as address, looping(live):
        yield address


def reading_of(message: str | bytes) -> dict:
    assert isinstance(message, bytes)
    length = int.from_bytes(message[:4], "big")
    return {**json.loads(message[4 : 4 + length]), "jpeg": message[4 + length :]}


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8080", "127.0.0.1", 8080),
        ("0.0.0.0:80", "0.0.0.0", 80),
        ("[::1]:8443", "::1", 8443),
        ("shop.local:9000", "shop.local", 9000),
    ],
)
def test_where_to_listen_is_read(text, host, port):
    assert Listen.from_text(text) == Listen(host, port)


@pytest.mark.parametrize("text", ["", "host:", ":8080", "0.0.0.0", "99999", "1.2.3.4:-1"])
def test_a_place_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="PORT"):
        Listen.from_text(text)


def test_a_taken_port_is_said_before_anything_is_served():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(SettingsError, match=rf"127\.0\.0\.1:{port}.*--listen"):
            open_socket(Listen(port=port))
        with open_socket(Listen(port=port), tries=20) as found:
            assert found.getsockname()[1] > port


@pytest.mark.parametrize("host", ["203.0.113.7", "a..b", "x" * 64])
def test_an_address_that_is_not_this_machines_is_said(host):
    with pytest.raises(SettingsError, match=rf"{host}:0: .*--listen"):
        open_socket(Listen(host, 0))


def test_every_interface_by_ipv6_is_every_interface_by_ipv4_as_well():
    with open_socket(Listen("::", 0)) as taken:
        taken.listen()
        socket.create_connection(("127.0.0.1", taken.getsockname()[1]), timeout=5).close()


def test_the_server_serves_while_it_is_entered_and_gives_the_port_back():
    with serving() as address:
        assert httpx.get(f"http://{address}/").text == "good day"

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{address}/")
    open_socket(Listen.from_text(address)).close()


def test_however_many_connect_from_elsewhere_the_scanners_own_screen_finds_room(monkeypatch):
    monkeypatch.setattr(limits, "is_loopback", lambda host: host == "127.0.0.1")
    monkeypatch.setattr(limits, "STRANGERS", 3)
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("good day"))])
    taken = open_socket(Listen(port=0))
    here = taken.getsockname()
    few = {**limits.UVICORN_LIMITS, "limit_concurrency": 5}
    with WebServer(app, taken, few), ExitStack() as stack:
        for _ in range(9):
            other = socket.create_connection(here, timeout=5, source_address=("127.0.0.2", 0))
            stack.enter_context(other)
        assert other.recv(1) == b""  # it was ended
        assert httpx.get(f"http://127.0.0.1:{here[1]}/").text == "good day"


def test_a_page_gets_one_picture_after_another_when_it_has_drawn_the_last():
    with served_loop() as address, connect(f"ws://{address}/live") as page:
        first = reading_of(page.recv(2))
        assert first["jpeg"].startswith(b"\xff\xd8")
        with pytest.raises(TimeoutError):
            page.recv(0.3)
        page.send("ok")
        assert reading_of(page.recv(2))["state"] == "live"


def test_whatever_a_page_answers_it_gets_the_next_picture():
    with served_loop() as address, connect(f"ws://{address}/live") as page:
        for answer in (b"ok", "", "ok"):
            page.recv(2)
            page.send(answer)
        assert reading_of(page.recv(2))["state"] == "live"


def test_a_loop_that_hangs_is_told_without_a_picture(monkeypatch):
    monkeypatch.setattr(live_socket, "AGAIN_S", 0.05)
    with LivePicture() as live, serving(live) as address, connect(f"ws://{address}/live") as page:
        told = reading_of(page.recv(2))

    assert (told["state"], told["jpeg"]) == ("stalled", b"")


def test_the_last_picture_is_shown_again_for_a_moment_only(monkeypatch):
    monkeypatch.setattr(live_socket, "AGAIN_S", 0.1)
    monkeypatch.setattr(live_socket, "STALE_S", 0.6)
    with LivePicture() as live, serving(live) as address, connect(f"ws://{address}/live") as page:
        with looping(live):
            while reading_of(page.recv(2))["state"] != "live":
                page.send("ok")
        stopped, states = time.monotonic(), []
        while time.monotonic() - stopped < 1.0:
            page.send("ok")
            states.append(reading_of(page.recv(2))["state"])

    assert states[0] == "live"
    assert states[-1] == "stalled"


def test_so_many_pages_are_served_and_no_more(monkeypatch):
    monkeypatch.setattr(live_socket, "VIEWERS", 1)
    with served_loop() as address, connect(f"ws://{address}/live") as page:
        page.recv(2)
        with connect(f"ws://{address}/live") as other, pytest.raises(ConnectionClosed):
            other.recv(2)
        page.send("ok")
        page.recv(2)


def test_every_page_is_told_when_the_run_ends():
    with (
        LivePicture() as live,
        serving(live) as address,
        looping(live),
        connect(f"ws://{address}/live") as page,
    ):
        page.recv(2)
        live.close()
        page.send("ok")
        with pytest.raises(ConnectionClosed) as end:
            page.recv(2)

    assert end.value.rcvd is not None
    assert end.value.rcvd.code == 1001
