"""How long each stage took, kept in arrays that are made once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

STAGES = ("capture", "gate", "locate", "preprocess", "infer", "decide", "draw", "show")
LATENCY = "latency"
PERCENTILES = (50, 95, 99)


class Spread(NamedTuple):
    """Percentiles of one stage over the latest samples, in milliseconds."""

    samples: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class Ring:
    """The newest `capacity` numbers; adding one allocates nothing."""

    def __init__(self, capacity: int) -> None:
        self._values: npt.NDArray[np.float64] = np.zeros(capacity)
        self._added = 0

    def add(self, value: float) -> None:
        """Keep a number; the oldest one goes when the ring is full."""
        self._values[self._added % len(self._values)] = value
        self._added += 1

    def clear(self) -> None:
        """Forget every number."""
        self._added = 0

    def values(self) -> npt.NDArray[np.float64]:
        """A copy of what is kept, oldest first."""
        full = self._added > len(self._values)
        oldest = self._added % len(self._values) if full else 0
        kept: npt.NDArray[np.float64] = self._values if full else self._values[: self._added]
        return np.concatenate((kept[oldest:], kept[:oldest]))


class StageTimes:
    """Seconds per stage, and from the camera to the label, of the latest frames."""

    def __init__(self, capacity: int = 16384) -> None:
        self._rings = {name: Ring(capacity) for name in (*STAGES, LATENCY)}

    def add(self, stage: str, seconds: float) -> None:
        """Record one duration."""
        self._rings[stage].add(seconds)

    def clear(self) -> None:
        """Forget every duration."""
        for ring in self._rings.values():
            ring.clear()

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Record how long the block took, if it did not raise."""
        start = perf_counter()
        yield
        self._rings[stage].add(perf_counter() - start)

    def spread(self, stage: str) -> Spread | None:
        """The percentiles of a stage, or None where it never ran."""
        values = self._rings[stage].values()
        if len(values) == 0:
            return None
        p50, p95, p99 = np.percentile(values, PERCENTILES) * 1000
        return Spread(len(values), float(p50), float(p95), float(p99))

    def spreads(self) -> dict[str, Spread]:
        """The percentiles of every stage that ran, and of the latency."""
        found = {name: self.spread(name) for name in self._rings}
        return {name: spread for name, spread in found.items() if spread is not None}


class RateMeter:
    """Frames per second over the latest frames. N moments span N-1 intervals."""

    def __init__(self, frames: int = 30) -> None:
        self._moments_s = Ring(frames)

    def tick(self, now_s: float) -> float:
        """Count a frame at `now_s` and give the rate; 0 until there are two."""
        self._moments_s.add(now_s)
        moments = self._moments_s.values()
        span = moments[-1] - moments[0]
        return float((len(moments) - 1) / span) if span > 0 else 0.0
