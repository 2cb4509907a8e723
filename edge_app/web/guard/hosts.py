"""The Host header: whether a request means this machine.

A page from elsewhere can have its own name resolved to this machine's address (DNS rebinding),
and then read it as its own. The name in the Host header gives it away.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

from edge_app.web.guard.addresses import is_loopback, own_addresses, parse_address
from edge_app.web.guard.refusal import RefusedError

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")


def asked_host(scope: Scope) -> str:
    """The host that a request names, without its port: lower case, an address in short form.

    Raises:
        RefusedError: 400, no Host header, several, or one that is none.
    """
    values = Headers(scope=scope).getlist("host")
    match = _HOST.fullmatch(values[0]) if len(values) == 1 else None
    if match is None or (match[1] and parse_address(match[1]) is None):
        raise RefusedError(400, "The request does not say which machine it is for.")
    return normal(match[1] or match[2])


def normal(host: str) -> str:
    """One spelling for each name and address."""
    address = parse_address(host.strip("[]"))
    return str(address) if address else host.lower().rstrip(".")


def machine_names(listen_host: str, names: Sequence[str]) -> frozenset[str]:
    """What this machine is called: its host name, as it is and as `.local`, and `names`."""
    own = socket.gethostname()
    short = own.partition(".")[0]
    every = (own, short, f"{short}.local", listen_host, *names)
    return frozenset(normal(name) for name in every) - {"", "0.0.0.0", "::"}


def names_this_machine(host: str, scope: Scope, names: frozenset[str]) -> bool:
    """Whether a host, as `asked_host` gives it, is this machine as others reach it."""
    if is_loopback(host) or host in names:
        return True
    if parse_address(host) is None:
        return False
    reached_at = normal((scope.get("server") or ("",))[0])
    return host == reached_at or host in own_addresses()
