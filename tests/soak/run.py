"""`make soak`: an hour of a camera's faults under the live loop; nothing may be lost or grow.

    python -m tests.soak.run --minutes 60

Fails when a thread, a handle, or more than 5 MB of memory is lost, when a state was never shown,
or when a picture of a camera that was not live reached the model.
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import dataclass

import numpy as np
import psutil

from deploy.arrays import ByteArray
from deploy.backends.base import Prediction
from deploy.bundle import EMBEDDING_SIZE, SCHEMA, Manifest
from deploy.decision import Decision
from deploy.preprocess import Framing, InputSpec
from edge_app.feed import camera, hold, open_feed, retries
from edge_app.live import gate, picture_watch
from edge_app.live.states import CameraState
from edge_app.overlay.overlay import Overlay
from tests.loops import naming_frames
from tests.soak.faulty import FaultyCamera

MANIFEST = Manifest(
    schema=SCHEMA,
    name="soak",
    version="1",
    labels=("cat", "dog"),
    input=InputSpec(32),
    framing=Framing(),
    decision=Decision(name_at_least=0.6, list_at_least=0.95, list_length=2),
    metrics={},
    provenance={},
)
SHOWN = tuple(s for s in CameraState if s not in (CameraState.LIVE, CameraState.MOVED_LIGHT))
GROWTH_MB = 5.0
WARM_UP_SHARE = 0.2  # of the run: allocators and fonts settle


class StrictBackend:
    """Answers at once, and counts pictures that should not have come."""

    name, precision = "strict", "fp32"

    def __init__(self) -> None:
        self.calls = self.wrong = 0

    def infer(self, batch: ByteArray) -> Prediction:
        """Any picture of the camera while it is well is grey of about 120."""
        self.calls += 1
        self.wrong += not 110 < float(batch.mean()) < 130
        logits = np.log(np.array([[0.1, 0.9]], np.float32))
        return Prediction(logits, np.zeros((1, EMBEDDING_SIZE), np.float32))


@dataclass(frozen=True)
class Held:
    """What the process holds at one moment."""

    memory_mb: float
    handles: int
    threads: int


class Watcher:
    """A sink: looks at the process every now and then, and ends the run in time."""

    name = "watcher"

    def __init__(self, seconds: float) -> None:
        self.held: list[Held] = []
        self._ends_at = time.monotonic() + seconds
        self._every_s, self._next_at = seconds / 100, 0.0

    def show(self, image_bgr: ByteArray) -> bool:
        return self.poll()

    def poll(self) -> bool:
        now = time.monotonic()
        if now >= self._next_at:
            self._next_at = now + self._every_s
            self.held.append(look_at_process())
        return now < self._ends_at


def look_at_process() -> Held:
    """Memory, open files and threads of this process."""
    process = psutil.Process()
    return Held(process.memory_info().rss / 2**20, process.num_fds(), threading.active_count())


def quicken(speed: float) -> None:
    """Every rule of the feed, so many times faster."""
    for module, names in (
        (camera, ("STALLED_AFTER_S", "LOST_AFTER_S", "ERROR_PAUSE_S")),
        (gate, ("FROZEN_HELP_S", "LIGHT_HELP_S")),
        (hold, ("SETTLE_S",)),
        (picture_watch, ("FROZEN_AFTER_S",)),
        (retries, ("FIRST_PAUSE_S", "LONGEST_PAUSE_S", "STEADY_AFTER_S")),
    ):
        for name in names:
            setattr(module, name, getattr(module, name) / speed)


def soak(seconds: float, speed: float) -> list[str]:
    """Run, print what was seen, and give what was wrong."""
    before = look_at_process()
    source, backend, watcher = FaultyCamera(speed), StrictBackend(), Watcher(seconds)
    with open_feed(source, patient=True) as feed:
        stats = naming_frames(
            feed, backend, MANIFEST, overlay=Overlay("soak", source.name), sinks=[watcher]
        ).run()
    after = look_at_process()
    print(stats.summary())
    print(f"faults: {dict(source.faults)}")
    print(f"states shown: {dict(stats.states)}")
    print(f"opened {source.opened} times, {backend.calls} pictures classified")
    print(f"before {before}\nafter  {after}")
    grown_mb = growth_mb(watcher.held)
    print(f"memory grew by {grown_mb:.1f} MB")
    wrong = {
        f"memory grew by more than {GROWTH_MB} MB": grown_mb > GROWTH_MB,
        "a handle was lost": after.handles > before.handles,
        "a thread was lost": after.threads > before.threads,
        f"released {source.released} times": source.opened != source.released,
        f"{backend.wrong} pictures should not have come": backend.wrong > 0,
        "nothing was classified": not backend.calls,
    }
    unseen = [f"never shown: {state.value}" for state in SHOWN if not stats.states[state.value]]
    return [what for what, is_so in wrong.items() if is_so] + unseen


def growth_mb(held: list[Held]) -> float:
    """From after the warm-up to the most of the last quarter, in MB."""
    early = held[int(len(held) * WARM_UP_SHARE)].memory_mb
    return max(moment.memory_mb for moment in held[-max(1, len(held) // 4) :]) - early


def main() -> int:
    """0: nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the camera's clock")
    parser.add_argument("--speed", type=float, default=1.0, help="times faster than life")
    args = parser.parse_args()
    quicken(args.speed)
    wrong = soak(args.minutes * 60 / args.speed, args.speed)
    print("\n".join(wrong) or "nothing was wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
