"""The websocket that carries the live picture to a page."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from edge_app.live.reading import Reading
from edge_app.live.states import CameraState
from edge_app.web.live import LivePicture, Packet
from edge_app.web.wire import packed, reading_json

VIEWERS = 16  # at once; a shop has a handful of screens
AGAIN_S = 1.0  # a page that hears nothing for two seconds says that it has no connection
STALE_S = 2.0  # a picture older than this must not pass for what lies on the tray
ANSWER_S = 30.0  # a page in the background draws nothing, and answers late
GOING_AWAY, TRY_AGAIN_LATER = 1001, 1013  # RFC 6455, section 7.4.1, and its registry


class LiveSocket:
    """One packet after another to each page, the next when the one before is drawn."""

    def __init__(self, live: LivePicture) -> None:
        self._live = live
        self._viewers = 0

    async def __call__(self, socket: WebSocket) -> None:
        """Serve one page until either side ends it."""
        await socket.accept()
        if self._viewers >= VIEWERS:
            await socket.close(TRY_AGAIN_LATER)
            return
        self._viewers += 1
        try:
            with suppress(WebSocketDisconnect, asyncio.TimeoutError):
                await self._serve(socket)
                await socket.close(GOING_AWAY)
        finally:
            self._viewers -= 1

    async def _serve(self, socket: WebSocket) -> None:
        last: Packet | None = None
        heard_at = asyncio.get_running_loop().time()
        while True:
            try:
                after = last.number if last else 0
                packet = await asyncio.wait_for(self._live.newest(after), AGAIN_S)
            except asyncio.TimeoutError:
                age = asyncio.get_running_loop().time() - heard_at
                data = last.data if last and age < STALE_S else _NO_ANSWER
            else:
                if packet is None:
                    return
                last, data = packet, packet.data
                heard_at = asyncio.get_running_loop().time()
            await socket.send_bytes(data)
            await asyncio.wait_for(_heard(socket), ANSWER_S)


async def _heard(socket: WebSocket) -> None:
    """Wait for any message: it says that the page has drawn."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])


# What is shown when the loop itself gives nothing: no picture, so that no old one deceives.
_SILENT = Reading(None, None, 0.0, 0.0, state=CameraState.STALLED, final=False)
_NO_ANSWER = packed(
    {
        **reading_json(_SILENT, 0, 0),
        "advice": "the scanner does not answer",
        **{"corrected": "", "revision": 0, "capture": None},
    }
)
