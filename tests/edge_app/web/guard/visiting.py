"""An app behind the guard, and who asks it for something."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message
from starlette.websockets import WebSocket

from edge_app.web.guard.access import Access
from edge_app.web.guard.devices_api import devices_routes
from edge_app.web.guard.door import guard
from edge_app.web.guard.pairing import pairing_routes

HERE = "127.0.0.1"
SCANNER = "192.168.1.20"
PHONE = "192.168.1.77"


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def home(request: Request) -> Response:
    return PlainTextResponse("the page")


async def stones(request: Request) -> Response:
    return JSONResponse({"stones": []})


async def count(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body())})


async def broken(request: Request) -> Response:
    raise RuntimeError("a secret of /home/somebody")


async def unwell(request: Request) -> Response:
    return JSONResponse({"error": "the disk is full"}, 507)


async def live(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("a picture")
    await websocket.close()


async def broken_live(websocket: WebSocket) -> None:
    await websocket.accept()
    raise RuntimeError("a secret")


def scanner_app(access: Access) -> ASGIApp:
    """Some routes, with the guard before them."""
    routes = [
        *pairing_routes(access),
        *devices_routes(access),
        Route("/", home),
        Route("/api/stones", stones),
        Route("/api/count", count, methods=["POST", "DELETE"]),
        Route("/api/broken", broken),
        Route("/api/unwell", unwell),
        WebSocketRoute("/api/live", live),
        WebSocketRoute("/api/broken_live", broken_live),
    ]
    return guard(Starlette(routes=routes), access)


def everywhere(**settings: Any) -> Access:
    """Who may come in where every interface is served."""
    settings = {"folder": None, "tls": False, "port": 8080, **settings}
    return Access("0.0.0.0", settings.pop("port"), settings.pop("folder"), **settings)


class Visitor:
    """A browser at some address; it keeps its cookies."""

    def __init__(self, access: Access, address: str = PHONE, host: str = SCANNER) -> None:
        self.app = scanner_app(access)
        self.address = address
        scheme = "https" if access.tls else "http"
        self.base = f"{scheme}://{host}:{access.listen_port}"
        self.cookies = httpx.Cookies()

    def ask(self, path: str, method: str = "GET", **request: Any) -> httpx.Response:
        """One request, as its own page would send it."""
        own = {} if method in ("GET", "HEAD") else {"Origin": self.base}
        if "content" in request:
            own["Content-Type"] = "application/json"
        headers = {**own, **request.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return asyncio.run(self._ask(method, path, headers=headers, **request))

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=(self.address, 50000))
        async with httpx.AsyncClient(
            transport=transport, base_url=self.base, cookies=self.cookies
        ) as client:
            answer = await client.request(method, path, **request)
            self.cookies = client.cookies
        return answer

    def pair(self, code: str) -> httpx.Response:
        """Type a code."""
        return self.ask("/api/pair", "POST", json={"code": code})

    def watch(self, path: str = "/api/live", **headers: str) -> list[Message]:
        """Open a websocket; what the server sent."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {
            "host": self.base.partition("//")[2],
            "origin": self.base,
            "cookie": cookies,
            **headers,
        }
        scope = {
            "type": "websocket",
            "path": path,
            "scheme": self.base.partition(":")[0].replace("http", "ws"),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": (self.address, 50000),
            "server": (self.base.partition("//")[2].partition(":")[0], int(self.base[-4:])),
        }
        return asyncio.run(knock(self.app, scope))


async def knock(app: ASGIApp, scope: dict[str, Any]) -> list[Message]:
    """Let an app answer a bare scope; what it sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{scope['type']}.connect" if not sent else "websocket.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent
