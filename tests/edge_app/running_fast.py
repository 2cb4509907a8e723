"""`gemscan run` with a drawn tray for a camera, many times faster than life, for a test that
kills it.

It begins when it is told a folder for the record, one with a bundle, a seed, and a number of
stones, a line each, so that its imports are done by then.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future

import edge_app.feed
import edge_app.live.loop
import edge_app.overlay.overlay
import gemscan
from edge_app.desk.keeping import Keeper
from edge_app.record.recorder import Recorder
from edge_app.scanner.stone import ScannedStone
from tests.laid import LaidOneByOne, TrayFeed, any_order


def wait_for_disk(self: Keeper, scanned: ScannedStone) -> Future[int]:
    """In life there are seconds for it between two stones."""
    recorder: Recorder = self._recorder
    before = recorder.written
    kept: Future[int] = keep(self, scanned)
    while recorder.written == before:
        time.sleep(0.0005)
    return kept


if __name__ == "__main__":
    record, bundle, seed, stones = (sys.stdin.readline().rstrip("\n") for _ in range(4))
    laid = LaidOneByOne(any_order(int(stones), int(seed)), int(seed))
    edge_app.feed.open_feed = lambda *_, **__: TrayFeed(iter(laid))
    keep, Keeper.keep = Keeper.keep, wait_for_disk
    words = ("--source", "demo://", "--display", "none", "--backend", "onnx-cpu")
    raise SystemExit(gemscan.main(["run", *words, "--bundle", bundle, "--keep", record]))
