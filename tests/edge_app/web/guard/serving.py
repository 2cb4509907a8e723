"""A real server behind the guard, in a process of its own: `python serving.py FOLDER [CERT KEY]`.

FOLDER/page is served, FOLDER/secret.txt is not, and a change makes FOLDER/changed. It prints its
port, and waits for the head of a request as long as a test has patience for.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from edge_app.web.guard import limits
from edge_app.web.guard.access import Access
from edge_app.web.guard.devices_api import devices_routes
from edge_app.web.guard.door import guard
from edge_app.web.guard.pairing import pairing_routes


def scanner(folder: Path, access: Access) -> Starlette:
    """A page, a change and a socket that repeats what it hears."""

    async def change(request: Request) -> Response:
        (folder / "changed").write_bytes(await request.body())
        return Response(status_code=204)

    async def home(request: Request) -> Response:
        return PlainTextResponse("the page")

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text(await websocket.receive_text())

    files = Mount("/page", StaticFiles(directory=folder / "page"))
    routes = [Route("/", home), Route("/api/change", change, methods=["POST", "DELETE"])]
    routes += [WebSocketRoute("/api/live", live)]
    guards = [*pairing_routes(access), *devices_routes(access)]
    return Starlette(routes=[*routes, *guards, files])


def main(folder: Path, *certificate: str) -> None:
    """Serve until a signal."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    access = Access("0.0.0.0", port, folder, tls=bool(certificate))
    tls: dict[str, Any] = dict(zip(("ssl_certfile", "ssl_keyfile"), certificate, strict=False))
    app = guard(scanner(folder, access), access)
    config = uvicorn.Config(app, log_level="warning", **limits.UVICORN_LIMITS, **tls)
    limits.HEAD_TIMEOUT_S = 3.0
    print(port, flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
