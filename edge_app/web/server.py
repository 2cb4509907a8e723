"""Serves the page from a thread of its own, beside the loop."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import GemscanError, SettingsError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

STOP_S = 2  # for answers under way when the run ends
START_S = 10.0


class WebError(GemscanError):
    """The page cannot be served."""


@dataclass(frozen=True)
class Listen:
    """Where the page is served.

    host: an address of this machine; loopback serves this machine alone.
    port: 0 takes any free one.
    """

    host: str = "127.0.0.1"
    port: int = 8080

    @classmethod
    def from_text(cls, text: str) -> Listen:
        """Read "8080", "0.0.0.0:8080" or "[::]:8080".

        Raises:
            ValueError: it is none of these.
        """
        host, colon, port = text.rpartition(":")
        host = host.strip("[]") if colon else cls.host
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ValueError("[HOST:]PORT, such as 8080 or 0.0.0.0:8080")
        return cls(host, int(port))


def open_socket(listen: Listen, *, tries: int = 1) -> socket.socket:
    """Take the port, before anything else is begun.

    Args:
        tries: how many ports to try, one after another.

    Raises:
        SettingsError: it is in use or not this machine's.
    """
    for port in range(listen.port, listen.port + tries):
        try:
            return _bound(listen.host, port)
        except OSError as exc:
            problem = exc.strerror or str(exc)
        except UnicodeError:  # a part of a name is empty, or longer than 63 characters
            problem = "that is no name of a machine"
    raise SettingsError(
        f"the page cannot be served at {listen.host}:{listen.port}: {problem}. "
        "Choose another place with --listen [HOST:]PORT."
    )


def _bound(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    taken = socket.socket(family, kind, proto)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:  # "::" takes IPv4 too, whatever the machine's default is
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind(address)
    except OSError:
        taken.close()
        raise
    return taken


class WebServer:
    """A context manager: serves while it is entered."""

    def __init__(
        self,
        app: ASGIApp,
        taken: socket.socket,
        limits: Mapping[str, Any],
        *,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        """Args:
        taken: as `open_socket` gives it; closed with the server.
        limits: of uvicorn, against clients that mean no good.
        certificate, key: PEM files; with them the page is served by TLS.
        """
        from uvicorn import Config, Server

        self._socket = taken
        self._server = Server(
            Config(
                app,
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=STOP_S,
                ssl_certfile=certificate,
                ssl_keyfile=key,
                **limits,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="web-server", daemon=True)
        self._failed: BaseException | None = None

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except BaseException as exc:  # told to whoever started it
            self._failed = exc

    def __enter__(self) -> WebServer:
        """Start to serve.

        Raises:
            WebError: it could not be started.
        """
        self._thread.start()
        waited = threading.Event()
        for _ in range(round(START_S / 0.02)):
            if self._server.started:
                return self
            if not self._thread.is_alive():
                break
            waited.wait(0.02)
        self._stop()
        raise WebError(f"the page's server did not start: {self._failed or 'it does not answer'}")

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        with closing(self._socket):
            self._server.should_exit = True
            self._thread.join(STOP_S + 3)
        if self._thread.is_alive():
            log.warning("the page's server does not end")
