"""The newest picture with its reading: encoded once however many watch, never when nobody does."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2

from deploy.arrays import ByteArray, Json
from deploy.record.pictures import encode
from edge_app.live.reading import Reading
from edge_app.web.wire import packed, reading_json

log = logging.getLogger(__name__)

FPS = 15.0  # at most: smooth enough to lay a stone by, and a fraction of a core
INTERVAL_S = 1 / FPS
LONGEST_SIDE_PX = 960
QUALITY = 80


@dataclass(frozen=True)
class Packet:
    """What every viewer gets: a reading and its picture.

    number: grows by one with each.
    data: length of the JSON (4 bytes, big-endian), the JSON in UTF-8, a JPEG or nothing.
    """

    number: int
    made_at: float
    data: bytes


@dataclass(frozen=True)
class _Shown:
    image_bgr: ByteArray | None
    reading: Reading


class LivePicture:
    """Between the loop, which never waits, and viewers, each of whom gets the newest.

    A viewer asks for a packet when the one before is drawn, so a slow one gets fewer and never
    late ones. A picture is copied and encoded only if somebody has asked. Use as a context
    manager around the event loop that serves the viewers: it has the thread that encodes.

    encoded: how many pictures were, so far.
    """

    def __init__(
        self,
        more: Callable[[Reading], Json] = lambda reading: {},
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: more: what else the page is told with a reading."""
        self.encoded = 0
        self._more = more
        self._clock = clock
        self._lock = threading.Condition()
        self._waiting: list[asyncio.Future[Packet | None]] = []
        self._packet: Packet | None = None
        self._next: _Shown | None = None
        self._due = 0.0
        self._closed = False
        self._thread = threading.Thread(target=self._encode_all, name="web-encoder", daemon=True)

    def update(self, image_bgr: ByteArray | None, reading: Reading) -> None:
        """Show a frame, from the loop's thread. Returns at once.

        Args:
            image_bgr: (H, W, 3) uint8, BGR; copied where it is wanted. None: no picture.
        """
        now = self._clock()
        if now < self._due or not self._waiting:
            return
        self._due = max(self._due, now - INTERVAL_S) + INTERVAL_S  # on average, at any frame rate
        shown = _Shown(None if image_bgr is None else image_bgr.copy(), reading)
        with self._lock:
            self._next = shown
            self._lock.notify()

    async def newest(self, after: int) -> Packet | None:
        """The next packet that a viewer should see; None when there will be no more.

        Args:
            after: the number of the last one that it got.
        """
        packet = self._packet
        if packet and packet.number > after and self._clock() - packet.made_at < INTERVAL_S:
            return packet  # another viewer asked for it a moment ago
        future: asyncio.Future[Packet | None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._closed:
                return None
            self._waiting.append(future)
        try:
            return await future
        finally:
            with self._lock:
                if future in self._waiting:
                    self._waiting.remove(future)

    def _encode_all(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._next is not None or self._closed)
                shown, self._next = self._next, None
                if self._closed:
                    break
            assert shown is not None
            try:
                self._publish(self._pack(shown))
            except Exception:  # the page must not end with one picture
                log.exception("a picture could not be shown to the web page")

    def _pack(self, shown: _Shown) -> bytes:
        image, height, width = shown.image_bgr, 0, 0
        picture = b""
        if image is not None:
            height, width = image.shape[:2]
            picture = encode(_shrunk(image), QUALITY)
            self.encoded += 1
        said = {**reading_json(shown.reading, width, height), **self._more(shown.reading)}
        return packed(said, picture)

    def _publish(self, data: bytes) -> None:
        number = self._packet.number + 1 if self._packet else 1
        with self._lock:
            self._packet = Packet(number, self._clock(), data)
            waiting, self._waiting = self._waiting, []
        _resolve(waiting, self._packet)

    def close(self) -> None:
        """Nothing more will come: every viewer is told."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
            self._lock.notify()
        _resolve(waiting, None)

    def __enter__(self) -> LivePicture:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._thread.join()


def _resolve(waiting: list[asyncio.Future[Packet | None]], packet: Packet | None) -> None:
    for future in waiting:
        loop = future.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(_set, future, packet)


def _set(future: asyncio.Future[Packet | None], packet: Packet | None) -> None:
    if not future.done():  # its viewer may have left
        future.set_result(packet)


def _shrunk(image_bgr: ByteArray) -> ByteArray:
    height, width = image_bgr.shape[:2]
    scale = LONGEST_SIDE_PX / max(height, width)
    if scale >= 1:
        return image_bgr
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smaller: ByteArray = cv2.resize(image_bgr, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return smaller
