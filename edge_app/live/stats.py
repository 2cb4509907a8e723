"""What a run of the loop counted."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from deploy.arrays import Json
from edge_app.feed.base import Feed
from edge_app.live.timing import LATENCY, StageTimes


@dataclass
class LoopStats:
    """Filled by the loop while it runs, so that it can be read after any kind of end.

    frames: that came, whether or not there was something to classify.
    camera_errors: times that a frame was missed.
    losses, losses_last_hour: times that the camera was lost, since the start and of late.
    dropped: frames of a live source that nobody took.
    labels: for how many frames each verdict was shown.
    states: how often each state of the camera ("black") was shown instead.
    first_label_at: `time.monotonic()` of the first verdict, in seconds.
    """

    frames: int = 0
    camera_errors: int = 0
    losses: int = 0
    losses_last_hour: int = 0
    dropped: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    times: StageTimes = field(default_factory=StageTimes)
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    first_label_at: float | None = None

    def clear(self) -> None:
        """Count from here on, as after a warm-up."""
        self.frames = self.camera_errors = self.dropped = 0
        self.labels.clear()
        self.states.clear()
        self.times.clear()
        self.started_at = time.monotonic()

    def note_feed(self, feed: Feed) -> None:
        """Take over what the feed counts."""
        self.dropped, self.camera_errors = feed.dropped, feed.missed
        self.losses, self.losses_last_hour = feed.losses, feed.losses_last_hour

    @property
    def seconds(self) -> float:
        """From the start of the loop to its end, or to now."""
        return (self.ended_at or time.monotonic()) - self.started_at

    @property
    def fps(self) -> float:
        """Frames per second over the whole run."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    def as_json(self) -> Json:
        """Everything, for a file."""
        spreads = {name: spread._asdict() for name, spread in self.times.spreads().items()}
        latency = spreads.pop(LATENCY, None)
        return {
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 2),
            "labels": dict(self.labels.most_common()),
            "states": dict(self.states.most_common()),
            "latency": latency,
            "stages": spreads,
            "dropped": self.dropped,
            "camera_errors": self.camera_errors,
            "losses": self.losses,
            "losses_last_hour": self.losses_last_hour,
        }

    def summary(self) -> str:
        """One line for the person at the screen."""
        text = f"{self.frames} frames in {self.seconds:.1f} s, {self.fps:.1f} frames per second"
        if latency := self.times.spread(LATENCY):
            text += f", {latency.p50_ms:.0f} ms from camera to label"
        if self.labels:
            most = ", ".join(f"{name} {count}" for name, count in self.labels.most_common(3))
            text += f"; most seen: {most}"
        if self.dropped or self.camera_errors:
            text += f"; dropped {self.dropped}, missed {self.camera_errors}"
        if self.losses:
            text += f"; times that the camera was lost: {self.losses}"
        return text
