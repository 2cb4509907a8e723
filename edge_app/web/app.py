"""Which address gives what."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from deploy.arrays import Json
from edge_app.web.answers import HANDLERS
from edge_app.web.guard.peers import is_stranger
from edge_app.web.live import LivePicture
from edge_app.web.live_socket import LiveSocket

PAGE = Path(__file__).parent / "page"
mimetypes.add_type("text/javascript", ".js")  # a system's own table may say otherwise
mimetypes.add_type("application/manifest+json", ".webmanifest")


def make_app(
    live: LivePicture,
    session: Json,
    routes: Sequence[BaseRoute] = (),
    *,
    page: str = "index.html",
) -> Starlette:
    """The page, its files, the live picture, and what `routes` add.

    Args:
        session: what the page asks first: what runs here. Whether the page is shown "here", on
            the scanner itself, is added.
        page: which file is the start page.
    """

    async def index(request: Request) -> Response:
        return FileResponse(PAGE / page)

    async def tell_session(request: Request) -> Response:
        return JSONResponse({**session, "here": not is_stranger(request.scope)})

    async def icon(request: Request) -> Response:
        return FileResponse(PAGE / "icon.svg")

    return Starlette(
        routes=[
            Route("/", index),
            Route("/favicon.ico", icon),
            Route("/api/session", tell_session),
            WebSocketRoute("/api/live", LiveSocket(live).__call__),
            *routes,
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
        exception_handlers=HANDLERS,
    )
