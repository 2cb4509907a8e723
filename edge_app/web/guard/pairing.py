"""Pairing: a device that types the code shown on the scanner gets a cookie."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from edge_app.web.guard.access import Access
from edge_app.web.guard.body import json_text
from edge_app.web.guard.device_name import device_name
from edge_app.web.guard.peers import is_stranger, peer
from edge_app.web.guard.refusal import RefusedError

PAGE = Path(__file__).parents[1] / "page"
PAIR = "/pair"
API_PAIR = "/api/pair"
FILES = {PAIR: "pair.html", "/page/pair.css": "pair.css", "/page/pair.js": "pair.js"}
# What a device may ask for before it is paired.
OPEN_PATHS = frozenset((API_PAIR, *FILES))
COOKIE_AGE_S = 180 * 24 * 3600


def pairing_routes(access: Access) -> list[Route]:
    """`/pair` with its files, `POST /api/pair`, and `GET /api/pairing` for the scanner itself.

    They come before a mount at /page.
    """

    async def pair(request: Request) -> Response:
        try:
            return await _pair(request, access)
        except RefusedError as refused:
            return refused.response(API_PAIR)

    async def pairing(request: Request) -> Response:
        if is_stranger(request.scope):
            refused = RefusedError(403, "The code is shown on the scanner itself only.")
            return refused.response(request.url.path)
        return JSONResponse(_shown(access))

    return [
        *(Route(path, _file(name)) for path, name in FILES.items()),
        Route(API_PAIR, pair, methods=["POST"]),
        Route("/api/pairing", pairing),
    ]


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def file(request: Request) -> Response:
        return FileResponse(PAGE / name)

    return file


def _shown(access: Access) -> dict[str, object]:
    needed = access.beyond_loopback
    return {"needed": needed, "code": access.code if needed else "", "urls": access.addresses()}


async def _pair(request: Request, access: Access) -> Response:
    if not access.beyond_loopback:
        raise RefusedError(404, "The scanner's screen is open on the scanner itself only.")
    given = json_text(await request.body(), "code", "Send the code that the scanner shows.")
    name = device_name(request.headers.get("user-agent", ""))
    code = "".join(given.split())
    token = await run_in_threadpool(
        access.pair, peer(request.scope), code, name
    )  # it writes a file
    response = Response(status_code=204)
    response.set_cookie(
        access.cookie,
        token,
        max_age=COOKIE_AGE_S,
        path="/",
        secure=access.tls,
        httponly=True,
        samesite="strict",
    )
    return response
