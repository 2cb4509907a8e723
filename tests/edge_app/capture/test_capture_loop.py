"""From frames to files and readings, with a scripted camera and a real folder."""

from __future__ import annotations

import time

import cv2
import numpy as np

from edge_app.capture.folder import TrainingFolder
from edge_app.capture.hold import HeldButton
from edge_app.capture.loop import CaptureLoop, run_capture
from edge_app.capture.photographer import Photographer
from edge_app.feed import Look, open_feed
from edge_app.live.states import CameraState
from edge_app.sources.base import Frame
from tests.edge_app.conftest import ScriptedSource
from tests.trays import Laid, lay, photographed, tray

STONE = photographed(lay(tray(), Laid()))
BLACK = np.zeros_like(STONE)


class ListMonitor:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: list = []

    def update(self, image_bgr, reading) -> None:
        self.shown.append((image_bgr, reading))


class ScriptedFeed:
    """Looks as they were written down."""

    name, live, fps, dropped, missed = "script", True, None, 0, 0

    def __init__(self, *looks: Look) -> None:
        self._looks = list(looks)

    def look(self):
        return self._looks.pop(0) if self._looks else None

    def reopen(self, why: str, *, afresh: bool = False) -> None: ...


class RedLight:
    """A profile that takes half of the red away."""

    def moved(self, raw_bgr, at_s) -> bool:
        return False

    def correct(self, raw_bgr):
        return (raw_bgr * (1, 1, 0.5)).astype(np.uint8)


def recording(root) -> Photographer:
    photographer = Photographer(
        TrainingFolder(root), tray=False, button=HeldButton(clock=lambda: 0.0)
    )
    photographer.choose("Ruby")
    photographer.hold(on=True)
    return photographer


def frames(*images) -> list[Frame]:
    start = time.monotonic()
    return [Frame(image, start + number, number) for number, image in enumerate(images)]


def test_what_the_scanner_would_see_is_kept_and_shown(tmp_path):
    monitor = ListMonitor()
    with recording(tmp_path) as photographer, open_feed(ScriptedSource(frames(STONE))) as feed:
        run_capture(feed, photographer, monitor, light=RedLight())

    (path,) = tmp_path.glob("Ruby/*.jpg")
    kept = cv2.imread(str(path))
    assert np.abs(kept.mean(axis=(0, 1)) - RedLight().correct(STONE).mean(axis=(0, 1))).max() < 2
    image, reading = monitor.shown[0]
    assert (image == RedLight().correct(STONE)).all()
    assert (reading.state, reading.prompt, reading.verdict) == (CameraState.LIVE, "", None)
    box, height = reading.box, STONE.shape[0]
    assert abs(box.x + box.side_px / 2 - STONE.shape[1] / 2) < 15
    assert 0.3 * height < box.side_px < 0.7 * height


def test_a_black_picture_is_neither_judged_nor_kept(tmp_path):
    monitor = ListMonitor()
    feed = ScriptedFeed(*(Look(frame) for frame in frames(BLACK, BLACK, STONE)))
    with recording(tmp_path) as photographer:
        loop = CaptureLoop(feed, photographer, monitor)
        while loop.step():
            pass
        assert photographer.live_json()["refused"] == {"black": 2}

    assert [reading.state.value for _, reading in monitor.shown] == ["black", "black", "live"]
    assert len(list(tmp_path.glob("Ruby/*.jpg"))) == 1


def test_a_lost_camera_leaves_no_old_picture_on_the_page(tmp_path):
    monitor = ListMonitor()
    lost = Look(None, CameraState.LOST, "next try in 4 s")
    feed = ScriptedFeed(Look(frames(STONE)[0]), Look(None), lost)
    with recording(tmp_path) as photographer:
        loop = CaptureLoop(feed, photographer, monitor)
        while loop.step():
            pass

    image, reading = monitor.shown[-1]
    assert len(monitor.shown) == 2  # a slow camera's picture stays
    assert image is None
    assert (reading.state, reading.note, reading.box) == (CameraState.LOST, "next try in 4 s", None)


def test_a_camera_that_warms_up_is_waited_for(tmp_path):
    monitor = ListMonitor()
    feed = ScriptedFeed(Look(frames(STONE)[0], CameraState.STARTING))
    with recording(tmp_path) as photographer:
        CaptureLoop(feed, photographer, monitor).step()
        assert photographer.live_json()["refused"] == {"starting": 1}

    assert list(tmp_path.rglob("*.jpg")) == []
