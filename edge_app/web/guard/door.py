"""The door of the web screen: every request passes it before the app sees it."""

from __future__ import annotations

import logging
from contextlib import suppress

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from edge_app.web.guard.access import Access
from edge_app.web.guard.body import checked_body, has_body
from edge_app.web.guard.headers import with_headers
from edge_app.web.guard.origin import check_origin
from edge_app.web.guard.pairing import OPEN_PATHS, PAIR
from edge_app.web.guard.peers import is_stranger, peer
from edge_app.web.guard.refusal import RefusedError, is_api
from edge_app.web.guard.target import check_target

log = logging.getLogger(__name__)

NOT_PAIRED = 4401  # a websocket's close code, as HTTP's 401
POLICY = 1008  # RFC 6455: sent before the socket is accepted, so the browser gets a plain 403
BROKEN = 1011
UNPAIRED = {"type": "websocket.close", "code": NOT_PAIRED, "reason": "not paired"}


def guard(app: ASGIApp, access: Access) -> ASGIApp:
    """The app behind its door: HTTP and websockets are checked, anything else passes."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _http(app, access, scope, receive, with_headers(send, scope))
        elif scope["type"] == "websocket":
            await _websocket(app, access, scope, receive, send)
        else:
            await app(scope, receive, send)

    return guarded


def _check(access: Access, scope: Scope) -> None:
    check_target(scope)
    access.check_host(scope)
    if is_stranger(scope) and not access.beyond_loopback:
        raise RefusedError(403, "The scanner's screen is open on the scanner itself only.")
    check_origin(scope)


def _may_use(access: Access, scope: Scope) -> bool:
    if not is_stranger(scope) or scope["path"] in OPEN_PATHS:
        return True
    return access.knows(HTTPConnection(scope).cookies.get(access.cookie, ""), peer(scope))


async def _http(app: ASGIApp, access: Access, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        _check(access, scope)
        if not _may_use(access, scope):
            await _not_paired(scope)(scope, receive, send)
            return
        receive = await checked_body(scope, receive)
    except RefusedError as refused:
        await _closing(refused.response(scope["path"]), scope)(scope, receive, send)
        return
    await _run(app, scope, receive, send)


def _not_paired(scope: Scope) -> Response:
    if is_api(scope["path"]):
        refused = RefusedError(401, "This device is not paired with the scanner; open /pair.")
        return _closing(refused.response(scope["path"]), scope)
    return _closing(RedirectResponse(PAIR, 303), scope)


def _closing(response: Response, scope: Scope) -> Response:
    """What is left of a body is not waited for."""
    if has_body(scope):
        response.headers["Connection"] = "close"
    return response


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """An answer of 500, the app's own or for an exception, is always the same sentence."""
    answered = failed = False

    async def send_unless_failed(message: Message) -> None:
        nonlocal answered, failed
        if message["type"] == "http.response.start":
            failed = message["status"] == 500
            answered = not failed
        if not failed:
            await send(message)

    try:
        await app(scope, receive, send_unless_failed)
    except Exception:
        log.exception("%s %s failed", scope["method"], scope["path"])
        failed = not answered  # an answer that was begun is cut off by the server
    if failed:
        sentence = "The scanner could not do this; its log says why."
        await RefusedError(500, sentence).response(scope["path"])(scope, receive, send)


async def _websocket(
    app: ASGIApp, access: Access, scope: Scope, receive: Receive, send: Send
) -> None:
    try:
        _check(access, scope)
    except RefusedError as refused:
        log.info("a websocket was refused: %s", refused)
        await receive()
        await send({"type": "websocket.close", "code": POLICY})
        return
    if _may_use(access, scope):
        await _run_websocket(app, scope, receive, _while_paired(access, scope, send))
        return
    await receive()
    await send({"type": "websocket.accept"})  # else the page would not see the code
    await send(UNPAIRED)


def _while_paired(access: Access, scope: Scope, send: Send) -> Send:
    """A device that is forgotten while it watches sees no more."""

    async def send_if_paired(message: Message) -> None:
        if not _may_use(access, scope):
            await send(UNPAIRED)
            raise WebSocketDisconnect(NOT_PAIRED)
        await send(message)

    return send_if_paired


async def _run_websocket(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await app(scope, receive, send)
    except (OSError, WebSocketDisconnect):
        log.debug("a websocket ended")  # whoever watched went away
    except Exception:
        log.exception("the websocket %s failed", scope["path"])
        with suppress(OSError, RuntimeError):  # it may have ended already
            await send({"type": "websocket.close", "code": BROKEN})
