"""The live loop over stand-ins, put together in one call."""

from __future__ import annotations

from typing import Any

from deploy.backends.base import Backend
from deploy.bundle import Manifest
from edge_app.feed import Feed
from edge_app.live.classifier import Classifier
from edge_app.live.eye import Eye
from edge_app.live.loop import LiveLoop
from edge_app.live.stats import LoopStats
from edge_app.scanner import Scanner


def naming_frames(feed: Feed, backend: Backend, manifest: Manifest, **parts: Any) -> LiveLoop:
    """The loop of files: every frame by itself. Keywords are the loop's."""
    stats = LoopStats()
    return LiveLoop(feed, Classifier(backend, manifest, times=stats.times), stats, **parts)


def naming_stones(
    feed: Feed, backend: Backend, manifest: Manifest, *, calls: dict[str, Any], **parts: Any
) -> LiveLoop:
    """The loop of a camera over a tray: one stone after another.

    Args:
        calls: of `Scanner`: whom it tells, and asks.
        parts: of the loop.
    """
    stats = LoopStats()
    eye: Eye = Scanner(backend, manifest, times=stats.times, **calls)
    return LiveLoop(feed, eye, stats, **parts)
