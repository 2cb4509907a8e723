"""The whole loop over hundreds of stones: the frames' clock runs as fast as they are drawn."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from deploy.arrays import ByteArray
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.pictures import read_picture
from deploy.record.pictures import picture_paths
from deploy.record.reader import RecordReader
from edge_app.desk.keeping import Keeper
from edge_app.live.tray_light import TrayLight
from edge_app.record.recorder import Recorder
from edge_app.scanner.stone import ScannedStone
from tests.colours import KINDS, colour_bundle
from tests.laid import FPS, LaidOneByOne, Pictures, TrayFeed, any_order
from tests.loops import naming_stones
from tests.trays import Laid, lay, photographed, reach_in, tray


class Counter:
    """The whole scanner in front of a feed: what is seen lands in a record."""

    def __init__(self, folder: Path, fakes) -> None:
        self.folder = folder / "record"
        self.bundle = colour_bundle(folder / "colours")
        self.scanned: list[ScannedStone] = []
        self.told: list[str] = []
        self._fakes = fakes

    def run(self, pictures: Pictures) -> None:
        light = TrayLight(self._fakes.ScriptedSource([], live=True))
        with (
            Recorder(self.folder) as recorder,
            OnnxCpuBackend(self.bundle, threads=1) as backend,
        ):
            keeper = Keeper(recorder, self.bundle, backend, light)

            def keep(scanned: ScannedStone) -> None:
                """In life a stone comes every few seconds; here the disk needs to be waited for."""
                self.scanned.append(scanned)
                keeper.keep(scanned)
                while len(self.scanned) - recorder.written - recorder.missed > 4:
                    time.sleep(0.001)

            naming_stones(
                TrayFeed(pictures),
                backend,
                self.bundle.manifest,
                calls={"on_stone": keep},
                on_change=lambda seen: self.told.append(seen.verdict.text),
                trouble=lambda: recorder.problem,
            ).run()
            assert not recorder.problem


def swapped_by_hand(kinds: Sequence[str], seed: int) -> Pictures:
    """As `LaidOneByOne`, but a hand takes each stone and leaves the next one: no tray is bare.

    Some lie on a polished spot; some are only turned, and lie there on. One of the same kind as
    the last is laid elsewhere: in the same place nobody could tell it from a stone that stayed.
    """
    ground, rng = tray("grey"), np.random.default_rng(seed)
    shown, lies = [ground] * FPS, ground
    at, last = 230, ""
    for number, kind in enumerate(kinds):
        at, last = 640 - at if kind == last else at, kind
        x, y = at + rng.uniform(-20, 20), 180 + rng.uniform(-20, 20)
        side, mirrored = int(rng.integers(110, 150)), float(rng.choice([0.0, 0.25]))
        stone = Laid(kind, x, y, side, number % 3, mirrored=mirrored)
        before, lies = lies, lay(ground, stone)
        shown += reached_for(before, rng) + reached_for(lies, rng)[::-1] + [lies] * FPS
        if rng.random() < 0.3:
            turned = lay(ground, replace(stone, turned=rng.uniform(0.3, 3.0)))
            shown += reached_for(lies, rng) + [turned] * FPS
            lies = turned
    shown += reached_for(lies, rng) + [ground] * FPS
    for index, picture in enumerate(shown):
        yield index / FPS, photographed(picture, index)


def reached_for(picture: ByteArray, rng: np.random.Generator) -> list[ByteArray]:
    """A hand comes as far as the middle of the tray."""
    y = 180 + int(rng.integers(-20, 20))
    return [reach_in(picture, (x, y)) for x in (520, 380, 210)]


@pytest.mark.slow
def test_five_hundred_stones_are_five_hundred_records_in_order(tmp_path: Path, fakes):
    kinds = any_order(500, seed=1)
    assert any(kind == following for kind, following in pairwise(kinds))
    laid, counter = LaidOneByOne(kinds, seed=1), Counter(tmp_path, fakes)

    counter.run(iter(laid))

    assert counter.told == kinds
    check_record(counter, kinds)
    for stone, (laid_s, pushed_s) in zip(counter.scanned, laid.rests, strict=True):
        assert laid_s <= stone.rested_s < stone.verdict_s < pushed_s < stone.lifted_s


def test_stones_that_are_swapped_by_hand_are_each_recorded_once(tmp_path: Path, fakes):
    kinds = any_order(30, seed=2)
    counter = Counter(tmp_path, fakes)

    counter.run(swapped_by_hand(kinds, seed=2))

    assert counter.told == kinds
    check_record(counter, kinds)


def check_record(counter: Counter, kinds: Sequence[str]) -> None:
    """Each stone once, in order, each with pictures of itself."""
    with RecordReader(counter.folder) as reader:
        entries = list(reader.entries())
        thumbnails = [reader.thumbnail(entry.stone.key) for entry in entries]
    assert [entry.names for entry in entries] == [(kind,) for kind in kinds]
    assert [entry.id for entry in entries] == list(range(1, len(kinds) + 1))
    stones = [entry.stone for entry in entries]
    assert len({stone.key for stone in stones}) == len(kinds)
    assert all(stone.laid_at < stone.lifted_at for stone in stones)
    for moments in ([s.laid_at for s in stones], [s.lifted_at for s in stones]):
        assert moments == sorted(moments)  # where one takes another's place, it is one moment
    with OnnxCpuBackend(counter.bundle, threads=1) as backend:
        for stone, small, kind in zip(stones, thumbnails, kinds, strict=True):
            whole, crop = (read_picture(path) for path in picture_paths(counter.folder, stone))
            assert whole.shape == counter.scanned[0].frame_bgr.shape
            for picture in (crop, cv2.imdecode(np.frombuffer(small, np.uint8), 1)):
                assert named(backend, picture) == kind


def named(backend: OnnxCpuBackend, crop_bgr: ByteArray) -> str:
    """What the network says of a crop that was kept."""
    square = cv2.resize(crop_bgr, (32, 32), interpolation=cv2.INTER_AREA)
    return KINDS[int(backend.infer(square[None, ..., ::-1].copy()).logits.argmax())]
