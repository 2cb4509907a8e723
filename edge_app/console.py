"""What `gemscan run` says in the terminal, and writes down for other programs."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.files import write_json
from edge_app.live.eye import Seen
from edge_app.live.states import CameraState
from edge_app.live.stats import LoopStats
from edge_app.machine.facts import peak_memory_mb, process_age_s
from edge_app.terminal import say

if TYPE_CHECKING:
    from edge_app.rig import Rig
    from edge_app.sources.base import Source

log = logging.getLogger(__name__)


class Teller:
    """Says each change: verdicts are the command's result, states go to the log."""

    def __init__(self, stats: LoopStats) -> None:
        self._stats = stats

    def verdict(self, seen: Seen) -> None:
        """Print what is named now."""
        verdict = seen.verdict
        assert verdict is not None
        best = f"{verdict.candidates[0].confidence:4.0%}"
        said = f"{best}  {verdict.text}"
        if verdict.unfamiliar:  # a confidence would be of a name that is not meant
            said = f"   -  {verdict.text}: unlike every kind it knows"
        if seen.provisional:
            said = f"   -  taught: {seen.provisional.label}, provisional"
        say(f"{self._stats.seconds:8.2f} s  {said}")

    def state(self, state: CameraState, note: str) -> None:
        """Log how the camera is now."""
        more = " (".join(filter(None, (state.advice, note))) + ")" * bool(state.advice and note)
        log.info("%.2f s: camera %s%s", self._stats.seconds, state.value, more and f": {more}")


def report_run(path: Path | None, stats: LoopStats, source: Source, rig: Rig) -> None:
    """Print a summary of what ran, and write all that was counted where a path is given.

    Raises:
        StorageError: the file cannot be written.
    """
    if stats.frames:
        say(stats.summary())
    if path is None:
        return
    write_json(
        path,
        {
            **stats.as_json(),
            "first_label_s": _first_label_s(stats),
            "peak_memory_mb": round(peak_memory_mb(), 1),
            "pictures_skipped": getattr(source, "skipped", 0),
            "source": source.name,
            "bundle": {
                "name": rig.bundle.manifest.name,
                "version": rig.bundle.manifest.version,
                "digest": rig.bundle.digest,
            },
            "backend": {"name": rig.backend.name, "precision": rig.backend.precision},
        },
    )


def _first_label_s(stats: LoopStats) -> float | None:
    """From the start of the process, imports and model loading included, to the first label."""
    if stats.first_label_at is None:
        return None
    return round(process_age_s() - (time.monotonic() - stats.first_label_at), 3)
