"""What the page in the browser costs the loop, with one viewer: `python -m tests.bench.web`.

The same loop with frames of the demo that lie in memory, each through the network: the page shown
and not shown by turns. The viewer is a process of its own that draws nothing, since its screen is
usually another machine's.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from threading import Event
from time import perf_counter

from websockets.sync.client import connect

from deploy.arrays import ByteArray
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import load_bundle
from deploy.familiarity import read_familiarity
from edge_app.defaults import SHIPPED_BUNDLE
from edge_app.feed import open_feed
from edge_app.live.classifier import Classifier
from edge_app.live.loop import LiveLoop, Monitor
from edge_app.live.reading import Reading
from edge_app.live.stats import LoopStats
from edge_app.web.screen import WebSettings, web_screen
from edge_app.web.server import Listen
from tests.bench.frames import PreloadedFrames, demo_frames

TURN_S = 2.0
FRAMES = 60


class Switch:
    """A monitor that is on or off."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.on = True

    def update(self, image_bgr: ByteArray | None, reading: Reading) -> None:
        """Pass a frame on, when it is on."""
        if self.on:
            self._monitor.update(image_bgr, reading)


def measure(seconds: float) -> tuple[float, float, float]:
    """Rates with the page and without it, in frames per second, and the median of their ratios."""
    bundle = load_bundle(SHIPPED_BUNDLE)
    frames = PreloadedFrames(demo_frames(bundle.labels, FRAMES))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        OnnxCpuBackend(bundle, "int8", threads=2) as backend,
        open_feed(frames, Event()) as feed,
        web_screen(WebSettings(Listen(port=port)), {}, [], lambda reading: {}) as live,
        _viewer(f"http://127.0.0.1:{port}"),
    ):
        switch = Switch(live)
        stats = LoopStats()
        eye = Classifier(backend, bundle.manifest, read_familiarity(bundle), stats.times)
        loop = LiveLoop(feed, eye, stats, monitor=switch)
        _turn(loop, 2 * TURN_S)
        if not live.encoded:
            raise RuntimeError("the viewer has seen nothing")
        pairs = []
        while len(pairs) * 2 * TURN_S < seconds:
            rates = []
            for switch.on in (True, False) if len(pairs) % 2 else (False, True):
                rates.append((switch.on, _turn(loop, TURN_S)))
            pairs.append(dict(rates))
    shown, alone = (median(pair[on] for pair in pairs) for on in (True, False))
    return shown, alone, median(pair[True] / pair[False] for pair in pairs)


def _turn(loop: LiveLoop, seconds: float) -> float:
    start, before = perf_counter(), loop.stats.frames
    while perf_counter() - start < seconds:
        loop.step()
    return (loop.stats.frames - before) / (perf_counter() - start)


@contextmanager
def _viewer(url: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.web", "--watch", url])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def watch(url: str) -> None:
    """Take one packet after another, for ever."""
    socket_url = url.replace("http", "ws", 1) + "/api/live"
    with connect(socket_url, origin=url) as page:  # type: ignore[arg-type]
        while True:
            page.recv()
            page.send("ok")


def main() -> int:
    """Measure and print; 1 when the page costs a tenth of the frame rate or more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--watch", metavar="URL", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.watch:
        watch(args.watch)
    shown, alone, ratio = measure(args.seconds)
    print(
        f"the page with one viewer: {ratio:.1%} of the frame rate without "
        f"({shown:.1f} of {alone:.1f} FPS); bar 90%: {'held' if ratio > 0.9 else 'MISSED'}"
    )
    return 0 if ratio > 0.9 else 1


if __name__ == "__main__":
    raise SystemExit(main())
