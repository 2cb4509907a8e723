"""What all addresses of the page share: JSON in, JSON or one sentence out."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from deploy.arrays import Json
from deploy.errors import DataError, GemscanError, RecordError, SettingsError, StorageError
from deploy.record.reader import NoPictureError
from edge_app.desk.lessons import NotNowError, UnknownKindError
from edge_app.record.store import UnknownStoneError
from edge_app.web.guard.body import LARGEST_BODY

MOST_DIGITS = 18  # of a number in an address: SQLite's have 63 bits

Endpoint = Callable[[Request], Awaitable[Response]]

# The first that fits. 507: the disk; 503: a folder or the record, which another one may hold.
_STATUS: Mapping[type[GemscanError], int] = {
    SettingsError: 400,
    UnknownStoneError: 404,
    UnknownKindError: 404,
    NoPictureError: 404,
    NotNowError: 409,
    StorageError: 507,
    DataError: 503,
    RecordError: 503,
}
_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def route(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
    """An address of the page, whose errors are told."""
    return Route(path, told(endpoint), methods=[method])


def fail(status: int, sentence: str) -> JSONResponse:
    """An error for the operator to read."""
    return JSONResponse({"error": sentence}, status)


def done() -> Response:
    """It is done, and there is nothing to say."""
    return Response(status_code=204)


def told(endpoint: Endpoint) -> Endpoint:
    """Turn what an operator can act on into an answer; a bug stays one, and is logged."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except GemscanError as exc:
            return fail(status_of(exc), str(exc))

    return answer


def status_of(error: GemscanError) -> int:
    """The HTTP status that an error is told with."""
    return next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)


async def tell_http_error(request: Request, error: Exception) -> Response:
    """An error of HTTP itself as all others are told: no such address, not this method."""
    assert isinstance(error, HTTPException)
    return fail(error.status_code, f"{error.detail}: {request.method} {request.url.path}")


async def tell_mistake(request: Request, error: Exception) -> Response:
    """A mistake of this program; Starlette logs its traceback."""
    return fail(500, "the scanner made a mistake. Its log says more.")


# For an application: what no address answers itself.
HANDLERS: Mapping[Any, ExceptionHandler] = {
    HTTPException: tell_http_error,
    Exception: tell_mistake,
}


async def read_json(
    request: Request,
    fields: Mapping[str, type],
    optional: Mapping[str, type] | None = None,
) -> Json:
    """The JSON object of a request's body.

    Args:
        fields: what must be there: `str`, `int`, `float` or `bool` by name.
        optional: what may be there as well; what is left out is left out of the answer.

    Raises:
        SettingsError: the body is too large, no JSON object, or has other fields or types.
    """
    given = _parsed(await _body(request))
    known = {**fields, **(optional or {})}
    for name in given.keys() - known.keys():
        raise SettingsError(f"{name!a} is not known here. Reload the page.")
    for name in fields.keys() - given.keys():
        raise SettingsError(f"“{name}” is missing.")
    for name, value in given.items():
        if not _fits(value, known[name]):
            raise SettingsError(f"“{name}” must be {_KINDS[known[name]]}.")
    return given


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise SettingsError(f"a request has {LARGEST_BODY >> 10} KB at most.")
    return bytes(body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise SettingsError("the request is no JSON. Reload the page.") from exc
    if not isinstance(given, dict):
        raise SettingsError("the request is no JSON object. Reload the page.")
    return given


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _fits(value: object, wanted: type) -> bool:
    return type(value) is wanted or (wanted is float and type(value) is int)


def query_number(request: Request, name: str, default: int | None) -> int | None:
    """A whole number above 0 from an address, as in `?limit=50`.

    Raises:
        SettingsError: it is none.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS and int(text)):
        raise SettingsError(f"“{name}” must be a whole number above 0.")
    return int(text)
