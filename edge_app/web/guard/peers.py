"""Who sent a request: somebody at this machine, or a stranger."""

from __future__ import annotations

from starlette.types import Scope

from edge_app.web.guard.addresses import is_loopback

_PROXY_HEADERS = frozenset((b"forwarded", b"via", b"x-real-ip"))


def is_stranger(scope: Scope) -> bool:
    """Whether a request comes from another machine, or may: who is behind a proxy, it hides.

    A peer with the very address that it reached is this machine: Linux drops what comes from
    outside with one of its own addresses.
    """
    address = peer(scope)
    reached = scope.get("server") or ("",)
    return is_proxied(scope) or not (is_loopback(address) or (address and address == reached[0]))


def peer(scope: Scope) -> str:
    """The address that a request comes from; empty when it has none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_proxied(scope: Scope) -> bool:
    """Whether a proxy passed the request on, by its headers.

    HTTP/1.0 counts as well: no browser speaks it, but nginx does to what is behind it, by default
    without a header that tells.
    """
    return scope.get("http_version") == "1.0" or any(
        name in _PROXY_HEADERS or name.startswith(b"x-forwarded-") for name, _ in scope["headers"]
    )
