"""What uvicorn holds a connection to, before there is a request that the guard could look at."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_app.web.guard.addresses import is_loopback

HEAD_TIMEOUT_S = 10.0
CONNECTIONS = 128  # and requests; above it 503
STRANGERS = 96  # of them from other machines; the scanner's own screen always finds room


class PromptProtocol(H11Protocol):
    """HTTP/1.1 that ends a connection whose request's head does not come; uvicorn would wait.

    And one from another machine, when there are too many of those.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        if _is_strange(self) and sum(map(_is_strange, self.connections)) > STRANGERS:
            transport.close()
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; the rest of its head has to follow."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _is_strange(connection: Any) -> bool:
    """Whether a connection, or a websocket, comes from another machine. See `peers`."""
    client, server = connection.client or ("",), connection.server or ("",)
    return not is_loopback(client[0]) and client[0] != server[0]


# For `uvicorn.Config(app, **UVICORN_LIMITS)`.
UVICORN_LIMITS: dict[str, Any] = {
    "http": PromptProtocol,  # not httptools, which has other limits
    "h11_max_incomplete_event_size": 16 << 10,  # bytes of a request's head
    "limit_concurrency": CONNECTIONS,
    "backlog": 64,
    "timeout_keep_alive": 15,  # seconds that a browser's connection may be idle
    "ws": "websockets-sansio",
    "ws_max_size": 1024,  # bytes of a message from the page, which sends "ok"
    "ws_ping_interval": 10.0,  # a phone that left the network is noticed in 20 seconds
    "ws_ping_timeout": 10.0,
    "ws_per_message_deflate": False,  # a JPEG does not get smaller
    "proxy_headers": False,  # whoever sends X-Forwarded-For would choose its own address
    "server_header": False,
    "date_header": True,
}
