"""`python -m tests.bench.verdict`: how soon the screen names a stone that was laid down.

The whole loop of `gemscan run` on the demo, at 1280 x 720 and 30 frames a second, with the shipped
INT8 model: from the moment in which a stone lies still to the first picture in which its verdict
is drawn. The first stone is apart: it lies there before the tray is known.

With `--own-time` the clock is moved by the work of the loop's thread alone, in which the model then
runs too: for a machine that others keep busy.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from deploy.arrays import ByteArray
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle, load_bundle
from deploy.errors import CameraError
from deploy.familiarity import read_familiarity
from deploy.render.scene import REST_S, SLIDE_S, TrayScene
from edge_app.defaults import SHIPPED_BUNDLE
from edge_app.feed import Look, open_feed
from edge_app.live.loop import LiveLoop
from edge_app.live.reading import Reading
from edge_app.live.stats import LoopStats
from edge_app.machine.facts import describe_machine
from edge_app.overlay.overlay import Overlay
from edge_app.scanner import Scanner
from edge_app.scanner.stone import ScannedStone
from edge_app.sources.base import Frame
from edge_app.sources.demo import DemoSource

VERDICT_P50_S = 0.7
FPS = 30.0
STAY_S = SLIDE_S + REST_S + SLIDE_S


class WatchedDemo(DemoSource):
    """Notes when each stone came to rest, by its number."""

    def __init__(self, labels: tuple[str, ...], stones: int) -> None:
        super().__init__(labels, fps=FPS, stones=stones)
        self.rested_s: dict[int, float] = {}

    def read(self) -> Frame | None:
        frame = super().read()
        if frame is not None and self.truth is not None:
            number, lain_s = divmod(frame.index / FPS, STAY_S)
            self.rested_s.setdefault(int(number), frame.captured_at - lain_s)
        return frame


class OwnTimeDemo:
    """A feed of the newest picture, on a clock that only the work between two looks moves."""

    name, live, fps = "demo", True, FPS
    dropped = missed = losses = losses_last_hour = 0

    def __init__(self, labels: tuple[str, ...], stones: int) -> None:
        self.rested_s = {number: number * STAY_S for number in range(stones)}
        self._scene = TrayScene(labels, seed=0, size=(1280, 720))
        self._ends_s = stones * STAY_S - SLIDE_S
        self._index, self._looked_s, self._began_s = -1, 0.0, time.thread_time()

    def now_s(self) -> float:
        return self._looked_s + time.thread_time() - self._began_s

    def look(self) -> Look | None:
        self._index = max(self._index + 1, int(self.now_s() * FPS))
        at_s = self._index / FPS
        self._looked_s = max(self.now_s(), at_s)
        image = self._scene.draw(at_s, self._index)
        self._began_s = time.thread_time()  # a camera's pictures cost nothing
        return Look(Frame(image, at_s, self._index)) if at_s < self._ends_s else None

    def reopen(self, why: str, *, afresh: bool = False) -> None:
        raise CameraError(why)

    def resume(self) -> None: ...

    def __enter__(self) -> OwnTimeDemo:
        return self

    def __exit__(self, *_: object) -> None: ...


class WatchedOverlay(Overlay):
    """Notes when each verdict was first drawn."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        super().__init__("bench", "demo")
        self._now_s = now_s
        self.named_s: list[float] = []
        self._named = False

    def draw(self, image_bgr: ByteArray, reading: Reading) -> None:
        super().draw(image_bgr, reading)
        named = reading.final and reading.verdict is not None
        if named and not self._named:
            self.named_s.append(self._now_s())
        self._named = named


def main() -> int:
    """Measure, print, and return 1 when the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stones", type=int, default=24, help="of the demo, 4 s each")
    parser.add_argument("--threads", type=int, default=2, help="of the model")
    parser.add_argument("--own-time", action="store_true", help="see above; takes one thread")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    args = parser.parse_args()
    said = measure(
        load_bundle(SHIPPED_BUNDLE),
        args.stones,
        1 if args.own_time else args.threads,
        own_time=args.own_time,
    )
    _print(said)
    if args.json:
        args.json.write_text(json.dumps({"machine": describe_machine(), **said}, indent=1))
    return 0 if said["verdict_p50_s"] < VERDICT_P50_S else 1


def measure(
    bundle: Bundle, stones: int, threads: int, *, own_time: bool = False
) -> dict[str, float]:
    """Run the loop; seconds and counts by name."""
    demo: WatchedDemo | OwnTimeDemo
    if own_time:
        demo = opened = OwnTimeDemo(bundle.labels, stones)
        overlay = WatchedOverlay(demo.now_s)
    else:
        demo = WatchedDemo(bundle.labels, stones)
        overlay, opened = WatchedOverlay(time.monotonic), open_feed(demo)
    scanned: list[ScannedStone] = []
    load = os.getloadavg()[0]
    with OnnxCpuBackend(bundle, "int8", threads=threads) as backend, opened as feed:
        stats = LoopStats()
        model = backend, bundle.manifest, read_familiarity(bundle), stats.times
        eye = Scanner(*model, on_stone=scanned.append)
        LiveLoop(feed, eye, stats, overlay=overlay).run()
    waits = waits_s(demo.rested_s, overlay.named_s)
    later = [wait for number, wait in waits.items() if number > 0]
    p50, p95 = np.percentile(later, (50, 95)) if later else (np.inf, np.inf)
    return {
        "verdict_p50_s": float(p50),
        "verdict_p95_s": float(p95),
        "first_verdict_s": waits.get(0, np.inf),
        "stones": stones,
        "named": len(waits),
        "results": len(scanned),
        "frames_a_second": stats.frames / (stones * STAY_S),
        "threads": threads,
        "load_before": load,
    }


def waits_s(rested_s: dict[int, float], named_s: list[float]) -> dict[int, float]:
    """From rest to verdict, by the number of the stone; those that got none are not in it."""
    waits: dict[int, float] = {}
    for moment in named_s:
        lies = [number for number, rested in rested_s.items() if rested <= moment]
        if lies:
            waits.setdefault(lies[-1], moment - rested_s[lies[-1]])
    return waits


def _print(said: dict[str, float]) -> None:
    table = Table("what", "value", "bar", title=describe_machine()["cpu"])
    for name, value in said.items():
        bar = f"below {VERDICT_P50_S}" if name == "verdict_p50_s" else ""
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value), bar)
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
