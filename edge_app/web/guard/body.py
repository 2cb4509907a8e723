"""Bodies: small, JSON, and here in time."""

from __future__ import annotations

import asyncio
import json

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from edge_app.web.guard.refusal import RefusedError

LARGEST_BODY = 16 << 10  # bytes
BODY_TIMEOUT_S = 10.0
JSON_TYPE = "application/json"


def has_body(scope: Scope) -> bool:
    """Whether a request announces a body that is not empty (RFC 9112, section 6)."""
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def checked_body(scope: Scope, receive: Receive) -> Receive:
    """Read a request's body, whole; the app receives it from memory.

    Raises:
        RefusedError: 400, 408, 413 or 415.
    """
    if not has_body(scope):
        return receive
    _check_head(Headers(scope=scope))
    try:
        body = await asyncio.wait_for(_read(receive), BODY_TIMEOUT_S)
    except (asyncio.TimeoutError, TimeoutError) as exc:  # two classes before Python 3.11
        raise RefusedError(408, "The request did not arrive in time; try again.") from exc
    return _replayed(body, receive)


def json_text(body: bytes, name: str, sentence: str) -> str:
    """A text from a body's JSON object.

    Args:
        sentence: says what to send, where it is not there.

    Raises:
        RefusedError: 400.
    """
    try:
        text = json.loads(body)[name]
    except (ValueError, TypeError, LookupError, RecursionError):
        text = None
    if not isinstance(text, str):
        raise RefusedError(400, sentence)
    return text


def _check_head(headers: Headers) -> None:
    length = headers.get("content-length", "0")
    both = "content-length" in headers and "transfer-encoding" in headers
    if both or not (length.isascii() and length.isdigit()):
        raise RefusedError(400, "The request does not say how long it is.")
    if len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
        raise _too_large()
    if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        raise RefusedError(415, f"The scanner takes {JSON_TYPE} only.")


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "The request ended before it was whole.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise _too_large()
    return body


def _too_large() -> RefusedError:
    return RefusedError(413, f"The scanner takes {LARGEST_BODY >> 10} KB at once at most.")


def _replayed(body: bytes, receive: Receive) -> Receive:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay
