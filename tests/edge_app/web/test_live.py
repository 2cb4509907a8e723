from __future__ import annotations

import asyncio
import json
import time

import cv2
import numpy as np
import pytest

from deploy.decision import NAME, Candidate, Verdict
from deploy.preprocess import SquareBox
from edge_app.live.reading import Reading
from edge_app.live.states import CameraState
from edge_app.web.live import FPS, LivePicture, Packet

RUBY = Reading(
    Verdict(NAME, (Candidate("Ruby", 0.9), Candidate("Spinel", 0.1))),
    *(SquareBox(100, 20, 300), 30.0, 41.0),
)
FRAME = np.full((720, 1280, 3), (20, 40, 200), np.uint8)


def parts(packet: Packet) -> tuple[dict, bytes]:
    length = int.from_bytes(packet.data[:4], "big")
    return json.loads(packet.data[4 : 4 + length]), packet.data[4 + length :]


async def fed(live: LivePicture, image=FRAME, reading=RUBY) -> None:
    """Give frames, as a loop does, until everybody who waits has one."""
    await asyncio.sleep(0)
    while live._waiting:
        live.update(image, reading)
        await asyncio.sleep(0.005)


async def watch(live: LivePicture, packets: int, pause_s: float = 0.0) -> list[Packet]:
    got: list[Packet] = []
    while len(got) < packets:
        packet = await live.newest(got[-1].number if got else 0)
        assert packet is not None
        got.append(packet)
        await asyncio.sleep(pause_s)
    return got


def test_a_packet_holds_the_reading_and_the_undrawn_picture():
    async def go() -> Packet:
        watching = asyncio.ensure_future(watch(live, 1))
        await fed(live)
        return (await watching)[0]

    with LivePicture(lambda reading: {"revision": 7}) as live:
        said, jpeg = parts(asyncio.run(go()))

    assert said["frame"] == {"width": 1280, "height": 720}
    assert said["box"] == [100, 20, 300]
    assert said["verdict"]["candidates"][0] == {"label": "Ruby", "confidence": 0.9}
    assert said["revision"] == 7
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (540, 960, 3)
    assert np.abs(picture.mean(axis=(0, 1)) - FRAME[0, 0]).max() < 4


def test_nothing_is_encoded_while_nobody_watches():
    with LivePicture() as live:
        for _ in range(20):
            live.update(FRAME, RUBY)
        time.sleep(0.05)

        assert live.encoded == 0


def test_two_viewers_cost_one_encode():
    async def go() -> None:
        viewers = [asyncio.ensure_future(watch(live, 5, pause)) for pause in (0.0, 0.01)]
        while not all(viewer.done() for viewer in viewers):
            live.update(FRAME, RUBY)
            await asyncio.sleep(0.005)

    with LivePicture() as live:
        asyncio.run(go())

        assert live.encoded in (5, 6)


def test_a_slow_viewer_gets_the_newest_and_holds_up_nobody():
    async def go() -> tuple[list[Packet], list[Packet]]:
        slow = asyncio.ensure_future(watch(live, 2, 0.5))
        fast = asyncio.ensure_future(watch(live, 6))
        while not (slow.done() and fast.done()):
            live.update(FRAME, RUBY)
            await asyncio.sleep(0.005)
        return slow.result(), fast.result()

    with LivePicture() as live:
        slow, fast = asyncio.run(go())

    assert [packet.number for packet in fast] == [1, 2, 3, 4, 5, 6]
    assert slow[0].number == 1
    assert slow[1].number >= 6


def test_pictures_are_bounded_in_number():
    async def go() -> float:
        watching = asyncio.ensure_future(watch(live, 8))
        started = time.monotonic()
        while not watching.done():
            live.update(FRAME, RUBY)
            await asyncio.sleep(0.002)
        return time.monotonic() - started

    with LivePicture() as live:
        assert asyncio.run(go()) > 6 / FPS


def test_without_a_picture_the_reading_goes_alone():
    async def go() -> Packet:
        watching = asyncio.ensure_future(watch(live, 1))
        lost = Reading(None, None, 0.0, 0.0, 0, CameraState.LOST, "try in 4 s")
        await fed(live, None, lost)
        return (await watching)[0]

    with LivePicture() as live:
        said, jpeg = parts(asyncio.run(go()))

    assert jpeg == b""
    assert (said["state"], said["note"]) == ("lost", "try in 4 s")
    assert said["frame"] == {"width": 0, "height": 0}


@pytest.mark.parametrize("before", [True, False])
def test_every_viewer_is_told_when_there_will_be_no_more(before):
    async def go() -> Packet | None:
        if before:
            live.close()
            return await live.newest(0)
        asyncio.get_running_loop().call_later(0.02, live.close)
        return await live.newest(0)

    with LivePicture() as live:
        assert asyncio.run(go()) is None


def test_a_viewer_who_leaves_is_forgotten():
    async def go() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(live.newest(0), 0.01)

    with LivePicture() as live:
        asyncio.run(go())
        live.update(FRAME, RUBY)
        time.sleep(0.05)

        assert live.encoded == 0
