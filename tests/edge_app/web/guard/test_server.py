"""The guard before a real uvicorn, reached through real sockets."""

from __future__ import annotations

import base64
import inspect
import json
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest
import uvicorn
from packaging.requirements import Requirement
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import gemscan
from edge_app.web.guard.limits import UVICORN_LIMITS

ROOT = Path(gemscan.__file__).parent
SECRET = "nobody may read this"


class Server:
    """A server in a process of its own, and what is asked of it."""

    def __init__(self, folder: Path, *certificate: Path) -> None:
        (folder / "page").mkdir()
        (folder / "page" / "index.html").write_text("a file of the page")
        (folder / "secret.txt").write_text(SECRET)
        self.folder = folder
        words = ["-m", "tests.edge_app.web.guard.serving", folder, *certificate]
        self.process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=(folder.parent / "log.txt").open("w"),
            text=True,
        )
        self.port = int(self.process.stdout.readline())

    def connect(self) -> socket.socket:
        until = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=30)
            except ConnectionRefusedError:
                if time.monotonic() > until:
                    raise

    def send(self, *parts: bytes, ends: bool = False) -> bytes:
        """What comes back until the server ends the connection.

        Args:
            parts: what is sent; before each but the first, something came back.
            ends: whether this side says afterwards that nothing more will come.
        """
        answer = b""
        with self.connect() as connection, suppress(OSError):  # it may have read enough
            for part in parts:
                connection.sendall(part)
                if part is not parts[-1]:
                    answer += connection.recv(1 << 16)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            while got := connection.recv(1 << 16):
                answer += got
        return answer

    def watch(self, *headers: tuple[str, str]) -> ClientConnection:
        """A socket as a browser opens it."""
        return connect(
            f"ws://localhost:{self.port}/api/live", additional_headers=headers, proxy=None
        )

    def ask(self, first_line: str, *lines: str, body: bytes = b"") -> bytes:
        head = [first_line + " HTTP/1.1", f"Host: localhost:{self.port}", "Connection: close"]
        return self.send("\r\n".join([*head, *lines, "", ""]).encode() + body)

    def change(self, *lines: str) -> bytes:
        kind = ("Content-Type: application/json", "Content-Length: 2")
        return self.ask("POST /api/change", *kind, *lines, body=b"{}")

    def send_json(self, first_line: str, value: object, *lines: str) -> bytes:
        body = json.dumps(value).encode()
        kind = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        return self.ask(first_line, *kind, *lines, body=body)

    def memory_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def files(self) -> dict[str, bytes]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files}

    def log(self) -> str:
        return (self.folder.parent / "log.txt").read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(15) in (0, -signal.SIGTERM)
        self.process.stdout.close()


@contextmanager
def serving(folder: Path, *certificate: Path) -> Iterator[Server]:
    served = folder / "served"
    served.mkdir()
    server = Server(served, *certificate)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def handshake(port: int, *lines: str) -> bytes:
    head = [
        *("GET /api/live HTTP/1.1", f"Host: localhost:{port}", "Connection: Upgrade"),
        *("Upgrade: websocket", "Sec-WebSocket-Version: 13"),
        "Sec-WebSocket-Key: " + base64.b64encode(b"sixteen bytes 16").decode(),
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode()


def malformed(port: int, chance: random.Random) -> tuple[list[bytes], list[tuple[bytes, ...]]]:
    """One of each kind of request that no browser sends, with other content each time.

    Returns:
        Those that need an answer, and those that never end: cut off, or a handshake and what
        follows once the socket is open.
    """
    host = f"Connection: close\r\nHost: localhost:{port}\r\n".encode()
    own = host + f"Origin: http://localhost:{port}\r\n".encode()
    json_type = b"Content-Type: application/json\r\n"
    junk = chance.randbytes(chance.randrange(1, 2000))
    up = chance.randrange(1, 9)
    post = b"POST /api/change HTTP/1.1\r\n" + own + json_type
    upward = [b"../", b"..%2f", b"%2e%2e/", b"%2e%2e%2f", b"..\\", b"..%5c", b"%252e%252e%252f"]
    upward += [b"....//", b"..;/", b"%c0%ae%c0%ae/", b"..%00/", b"./../"]
    paths = [b"GET /page/" + step * up + b"secret.txt HTTP/1.1\r\n" + host for step in upward]
    targets = [b"http://localhost/page/../secret.txt", b"*", b"//secret.txt", b"/page//secret.txt"]
    targets += [b"/%00", b"/page/%0d%0aSet-Cookie:x=y", b"/" + b"a" * 9000, b"/?" + b"q" * 9000]
    paths += [b"GET " + target + b" HTTP/1.1\r\n" + host for target in targets]
    heads = [
        b"GET / HTTP/1.1\r\n" + host + b"X: " + b"x" * 40000,
        b"GET / HTTP/1.1\r\n" + host + b"".join(b"X-%d: y\r\n" % n for n in range(3000)),
        b"GET / HTTP/1.1\r\n" + host + b"Na me: x\r\n",
        bytes(chance.choice(b"GETPOS /:HTTP1.") for _ in range(300)) + b"\r\n",
        b"GET / HTTP/1.1\r\n" + host + b"X: a\x00b\r\n",
        b"GET / HTTP/1.1\r\n" + host + host,
        b"GET / HTTP/1.1\r\nConnection: close\r\nHost: " + junk[:40].hex().encode() + b"\r\n",
        b"GET / HTTP/9.9\r\n" + host,
        b"GET /\r\n" + host,
        b"GET / HTTP/1.1\r\n"
        + host
        + b"Cookie: gemscan-%d=" % port
        + junk[:99].hex().encode()
        + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00" + junk,  # TLS, at a port without
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
    ]
    bodies = [
        post + b"Content-Length: 99999999999999999999\r\n\r\n" + junk,
        post + b"Content-Length: 17000\r\n\r\n" + b"[" * 17000,
        post + b"Content-Length: -5\r\n\r\n{}",
        post + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        post + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n" + junk,
        post + b"Transfer-Encoding: chunked\r\n\r\n" + (b"400\r\n" + b"x" * 1024 + b"\r\n") * 40,
        post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        post + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /api/change HTTP/1.1\r\n" + host + json_type + b"Content-Length: 2\r\n\r\n{}",
        b"POST /api/change HTTP/1.1\r\n" + own + b"Content-Length: 2\r\n\r\n{}",
        b"PUT /api/change HTTP/1.1\r\n" + own + json_type + b"Content-Length: 2\r\n\r\n{}",
        b"POST /api/pair HTTP/1.1\r\n" + own + json_type + b"Content-Length: 9\r\n\r\n" + b"[" * 9,
    ]
    own_line = f"Origin: http://localhost:{port}"
    hands = handshake(port, own_line)
    handshakes = [
        *(handshake(port), handshake(port, "Origin: http://evil.example")),
        *(hands.replace(b"Version: 13", b"Version: 7"), hands.replace(b"GET", b"POST")),
        *(hands.replace(b"-Key: ", b"-Key: x"), hands.replace(b"/api/live", b"/../api/live")),
    ]
    frames = [
        *(junk, b"\x81\x02ok", b"\x81\xff" + b"\xff" * 12, b"\x81\x82mask\xff\xfe"),
        *(b"\x8f\x80mask", b"\x89\xfe\x10\x00mask", b"\x82\xfe\x7f\xffmask" + b"x" * 999),
    ]
    whole = [*(request + b"\r\n" for request in paths + heads), *bodies, *handshakes]
    cut = [
        *(request[: chance.randrange(1, len(request))] for request in whole[::4]),
        *(junk, b"\x00" * 999, b"\r\n" * 99, b"", hands + junk),
        post + b"Content-Length: 200\r\n\r\n{",
        post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + junk,
        post + b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n5",
    ]
    return whole, [*((request,) for request in cut), *((hands, frame) for frame in frames)]


def test_a_thousand_malformed_requests_change_nothing(server):
    chance = random.Random(20)
    batches = [malformed(server.port, chance) for _ in range(14)]
    wholes = [request for whole, _ in batches for request in whole]
    endlesses = [parts for _, endless in batches for parts in endless]
    held = [server.connect() for _ in range(40)]  # half a request each
    for connection in held:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: loc")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(server.send, wholes[:100]))
        before, memory = server.files(), server.memory_kb()
        answered = list(pool.map(server.send, wholes))
        ended = list(pool.map(lambda parts: server.send(*parts, ends=True), endlesses))

    answers = [*filter(None, answered), *filter(None, ended)]
    assert len(answered) + len(ended) >= 1000
    assert len(list(filter(None, answered))) > len(answered) * 0.9
    assert body_of(server.ask("GET /")) == b"the page"
    assert server.process.poll() is None
    assert server.files() == before
    assert server.memory_kb() - memory < 8 << 10
    assert not any(SECRET.encode() in answer for answer in answers)
    assert not any(b"Traceback" in answer or b"set-cookie" in answer.lower() for answer in answers)
    assert {status_of(answer) for answer in answers} <= {
        *(101, 200, 303, 400, 403, 404, 405, 413, 414, 415, 421, 426, 429)
    }
    assert not re.search(r"\bfailed$|Exception in ASGI", server.log(), re.MULTILINE)
    for connection in held:
        connection.close()


def test_what_is_well_formed_does_change_something(server):
    """Else the test above would prove nothing."""
    own = f"http://localhost:{server.port}"

    assert status_of(server.change(f"Origin: {own}")) == 204
    assert (server.folder / "changed").read_bytes() == b"{}"
    assert body_of(server.ask("GET /page/index.html")) == b"a file of the page"
    with server.watch(("Origin", own)) as watched:
        watched.send("ok")
        assert watched.recv(5) == "ok"


def test_a_proxys_client_has_to_pair(server):
    """The only stranger that one machine alone can be."""
    own, proxy = ("Origin", f"http://localhost:{server.port}"), ("X-Forwarded-For", "127.0.0.1")
    lines = (": ".join(own), ": ".join(proxy))
    code = json.loads(body_of(server.ask("GET /api/pairing")))["code"]

    assert status_of(server.ask("GET /page/index.html", *lines)) == 303
    assert status_of(server.change(*lines)) == 401
    with server.watch(own, proxy) as watched, pytest.raises(ConnectionClosed) as closed:
        watched.recv(5)
    assert closed.value.rcvd.code == 4401

    paired = server.send_json("POST /api/pair", {"code": code}, *lines)
    token = re.search(rb"set-cookie: gemscan-\d+=([^;]+)", paired)[1].decode()
    cookie = ("Cookie", f"gemscan-{server.port}={token}")

    assert status_of(server.change(*lines, ": ".join(cookie))) == 204
    with server.watch(own, proxy, cookie) as watched:
        watched.send("ok")
        assert watched.recv(5) == "ok"
    kept = json.loads((server.folder / f"paired-{server.port}.json").read_text())["devices"]
    assert [device["token_sha256"] for device in kept] == [sha256(token.encode()).hexdigest()]


def test_a_device_that_is_forgotten_sees_no_more(server):
    """Not even through the socket that it has open."""
    own, proxy = ("Origin", f"http://localhost:{server.port}"), ("Via", "1.1 shop")
    lines = (": ".join(own), ": ".join(proxy))
    code = json.loads(body_of(server.ask("GET /api/pairing")))["code"]
    paired = server.send_json("POST /api/pair", {"code": code}, *lines)
    cookie = ("Cookie", re.search(rb"set-cookie: ([^;]+)", paired)[1].decode())
    device = json.loads(body_of(server.ask("GET /api/devices")))["devices"][0]

    with server.watch(own, proxy, cookie) as watched:
        watched.send("ok")
        assert watched.recv(5) == "ok"
        forgotten = server.send_json("DELETE /api/devices", {"id": device["id"]}, ": ".join(own))
        assert status_of(forgotten) == 204
        watched.send("ok")
        with pytest.raises(ConnectionClosed) as closed:
            watched.recv(5)
    assert closed.value.rcvd.code == 4401
    assert status_of(server.change(*lines, ": ".join(cookie))) == 401
    assert "the websocket /api/live failed" not in server.log()


def test_answers_do_not_say_what_serves(server):
    answer = server.ask("GET /")

    assert b"\r\nserver:" not in answer.lower()
    assert b"content-security-policy: default-src 'none'" in answer.lower()


def test_half_a_request_is_not_waited_for(server):
    with server.connect() as connection:
        connection.settimeout(20)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        assert connection.recv(1) == b""

    assert time.monotonic() - began > 2  # of 3 in this server


def test_uvicorn_knows_each_limit():
    assert set(UVICORN_LIMITS) <= set(inspect.signature(uvicorn.Config).parameters)
    assert UVICORN_LIMITS["proxy_headers"] is False


def test_no_uvicorn_is_installed_that_was_not_tried():
    """The guard is built on a class inside of it."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = map(Requirement, config["options.extras_require"]["web"].split())
    tried = next(each.specifier for each in wanted if each.name == "uvicorn")

    assert uvicorn.__version__ in tried
    assert "99.0" not in tried


def test_with_a_certificate_it_speaks_tls(tmp_path, certificate):
    cert, key = certificate()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cert)
    with serving(tmp_path, cert, key) as server:
        with client.wrap_socket(server.connect(), server_hostname="localhost") as connection:
            request = (
                f"GET / HTTP/1.1\r\nHost: localhost:{server.port}\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(request.encode())
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        plain = server.ask("GET /")

    assert body_of(answer) == b"the page"
    assert plain == b""
