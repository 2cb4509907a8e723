"""Same-origin: only the scanner's own page may change something or watch.

A page from elsewhere, open in the same browser, can send requests here that carry the cookie or
come from the device itself. It cannot hide where it is from.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from edge_app.web.guard.peers import is_proxied
from edge_app.web.guard.refusal import RefusedError, is_api

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def check_origin(scope: Scope) -> None:
    """Refuse what another site's page sends, and every change that does not say who sends it.

    Raises:
        RefusedError: 403.
    """
    headers = Headers(scope=scope)
    changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
    if changes and not _own_origin(headers, scope):
        raise RefusedError(403, "Only the scanner's own page may do this.")
    site = headers.get("sec-fetch-site", "same-origin")
    navigates = headers.get("sec-fetch-mode") == "navigate" and not is_api(scope["path"])
    if site not in ("same-origin", "none") and (changes or not navigates):
        raise RefusedError(403, "Another site's page may not use the scanner.")


def _own_origin(headers: Headers, scope: Scope) -> bool:
    schemes = {_SCHEMES[scope["scheme"]]}
    if is_proxied(scope):  # it may speak HTTPS to the browser and HTTP to us
        schemes.add("https")
    own = {f"{scheme}://{headers.get('host', '')}".lower() for scheme in schemes}
    origins = headers.getlist("origin")
    return len(origins) == 1 and origins[0].lower() in own
