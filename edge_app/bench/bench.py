"""The FPS benchmark: the live loop and the bare model by turns, so that both see one machine."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from threading import Event
from time import perf_counter
from typing import NamedTuple

import numpy as np

from deploy.arrays import ByteArray, Json
from deploy.backends.base import Backend, TimesItsEngine
from deploy.bundle import Manifest
from deploy.errors import CameraError
from deploy.familiarity import Familiarity
from edge_app.feed import open_feed
from edge_app.live.classifier import Classifier
from edge_app.live.eye import Eye
from edge_app.live.loop import LiveLoop, Overlay
from edge_app.live.stats import LoopStats
from edge_app.live.tray_light import TrayLight
from edge_app.machine.facts import peak_memory_mb
from edge_app.sources.base import Source

WARM_UP_S = 1.0
WARM_UPS = 10  # at most, until a camera is locked and a picture can be classified
ENGINE_RUNS = 500
TURN_S = 0.5


class EngineTime(NamedTuple):
    """Milliseconds of the model alone for one picture, by the GPU's own clock (CUDA events).

    MLPerf's single stream reports the 90th percentile, of one picture at a time as here.
    """

    runs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True)
class BenchResult:
    """What was measured.

    loop_fps, bare_fps: medians over the turns, in frames per second.
    ratio: median over pairs of neighbouring turns of the loop's rate to the bare model's.
    live: the source set the pace, so that the ratio says nothing of the loop.
    loop_seconds: of the loop's turns together, in which the frames were counted.
    engine: the model alone on the GPU, where there is one.
    """

    stats: LoopStats
    loop_fps: float
    bare_fps: float
    ratio: float
    turns: int
    peak_memory_mb: float
    live: bool
    loop_seconds: float
    engine: EngineTime | None = None

    def as_json(self) -> Json:
        """Every number, for a file."""
        return {
            **self.stats.as_json(),
            "seconds": round(self.loop_seconds, 3),
            "fps": round(self.loop_fps, 2),
            "bare_fps": round(self.bare_fps, 2),
            "ratio": round(self.ratio, 4),
            "turns": self.turns,
            "live": self.live,
            "peak_memory_mb": round(self.peak_memory_mb, 1),
            "engine": self.engine._asdict() if self.engine else None,
        }


def engine_time(backend: Backend) -> EngineTime | None:
    """Time the model alone on its device; None where it computes on the processor."""
    if not isinstance(backend, TimesItsEngine):
        return None
    p50, p90, p99 = np.percentile(backend.engine_times_ms(ENGINE_RUNS), (50, 90, 99))
    return EngineTime(ENGINE_RUNS, float(p50), float(p90), float(p99))


def run_bench(
    source: Source,
    backend: Backend,
    manifest: Manifest,
    *,
    familiarity: Familiarity | None = None,
    overlay: Overlay | None = None,
    seconds: float = 10.0,
    stop: Event | None = None,
) -> BenchResult:
    """Measure the loop and the bare model by turns of equal length, after a warm-up.

    Args:
        familiarity: the bundle's; None only where its decision does not ask for it.
        seconds: for both together.
        source: not entered yet, since one that ends too soon is opened again.

    Raises:
        CameraError: the source cannot be opened, or gives no frame.
        BackendError: the device failed.
        KeyboardInterrupt: `stop` was set before anything was measured.
    """
    stop = stop or Event()
    batch = np.zeros((1, manifest.input.size_px, manifest.input.size_px, 3), np.uint8)
    rates: list[tuple[float, float]] = []
    stats = LoopStats()
    eye = Classifier(backend, manifest, familiarity, stats.times)
    with _LoopInTurns(source, eye, stats, overlay, stop) as loop:
        loop.warm_up()
        bare_turn(backend, batch, WARM_UP_S)
        loop.forget()
        turn_s = min(TURN_S, seconds / 2)
        while 2 * loop.seconds < seconds and not stop.is_set():
            rates.append((loop.turn(turn_s), bare_turn(backend, batch, turn_s)))
    if not loop.stats.labels:
        if stop.is_set():
            raise KeyboardInterrupt
        seen = ", ".join(loop.stats.states)
        raise CameraError(
            f"{source.name} gave no frame to measure{f' ({seen})' if seen else ''}. "
            "Try --source demo://?fps=0"
        )
    return BenchResult(
        loop.stats,
        loop_fps=median(looped for looped, _ in rates),
        bare_fps=median(bare for _, bare in rates),
        ratio=median(looped / bare for looped, bare in rates),
        turns=len(rates),
        peak_memory_mb=peak_memory_mb(),
        live=source.live,
        loop_seconds=loop.seconds,
        engine=engine_time(backend),
    )


def bare_turn(backend: Backend, batch: ByteArray, seconds: float) -> float:
    """Run the model alone for a while; its rate in frames per second."""
    start, count = perf_counter(), 0
    while count == 0 or perf_counter() - start < seconds:
        backend.infer(batch)
        count += 1
    return count / (perf_counter() - start)


class _LoopInTurns:
    """The live loop, run a while at a time, on a source that is opened again when it ends."""

    def __init__(
        self,
        source: Source,
        eye: Eye,
        stats: LoopStats,
        overlay: Overlay | None,
        stop: Event,
    ) -> None:
        self.seconds = 0.0
        self.stats = stats
        self._source = source
        self._eye = eye
        self._overlay = overlay
        self._stop = stop
        self._dropped = self._missed = 0
        self._opened = ExitStack()

    def __enter__(self) -> _LoopInTurns:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _open(self) -> None:
        self._opened.close()
        light = TrayLight(self._source)
        self._feed = self._opened.enter_context(
            open_feed(self._source, self._stop, profiled=light.settings)
        )
        self._eye.blink()
        self._loop = LiveLoop(self._feed, self._eye, self.stats, light=light, overlay=self._overlay)

    def warm_up(self) -> None:
        """Run until something was classified; `forget` it when the bare model is warm as well."""
        for _ in range(WARM_UPS):
            self.turn(WARM_UP_S)
            if self.stats.labels or self._stop.is_set():
                return

    def forget(self) -> None:
        """Leave the warm-up out of what is counted."""
        self.stats.clear()
        self.seconds = 0.0
        self._dropped = self._missed = 0

    def turn(self, seconds: float) -> float:
        """Run the loop for a while; its rate in frames per second.

        Opening the source again is not the loop's work and counts for nothing; neither do frames
        that a camera gave while the bare model had its turn.
        """
        self._feed.resume()
        frames, reopening_s = self.stats.frames, 0.0
        before = self._feed.dropped, self._feed.missed
        start = perf_counter()
        while perf_counter() - start < seconds and not self._stop.is_set():
            if not self._loop.step():
                ended = perf_counter()
                self._count_losses(before)
                self._open()
                before = 0, 0  # a feed of its own, with its own counts
                reopening_s += perf_counter() - ended
        spent = perf_counter() - start - reopening_s
        self.seconds += spent
        self._count_losses(before)
        self.stats.dropped, self.stats.camera_errors = self._dropped, self._missed
        return (self.stats.frames - frames) / spent

    def _count_losses(self, before: tuple[int, int]) -> None:
        """Add what the feed lost since it had lost so many frames, and missed so many."""
        self._dropped += self._feed.dropped - before[0]
        self._missed += self._feed.missed - before[1]
