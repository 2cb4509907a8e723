"""`gemscan run`: classify a live source and draw the label."""

from __future__ import annotations

import argparse
import logging
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from deploy.arguments import number
from edge_app.defaults import add_model_arguments, open_model
from edge_app.display_choice import AUTO, DISPLAYS, WEB, WINDOW, choose_display
from edge_app.machine.cores import leave_cores_to_the_model
from edge_app.web.arguments import add_web_arguments, web_settings

if TYPE_CHECKING:
    from deploy.backends import Backend
    from deploy.bundle import Bundle
    from edge_app.desk.desk import Desk
    from edge_app.feed import Feed
    from edge_app.live.eye import Eye
    from edge_app.live.loop import LiveLoop, Monitor
    from edge_app.live.stats import LoopStats
    from edge_app.live.timing import StageTimes
    from edge_app.rig import Rig
    from edge_app.sinks.base import Sink
    from edge_app.web.screen import WebSettings

log = logging.getLogger(__name__)

RECORD_FPS = 30.0  # of a live source that does not say its own rate
STOPPED_EARLY = 130
MOST_FRAMES = 10**12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    add_model_arguments(parser)
    parser.add_argument(
        "--source",
        default="0",
        metavar="URI",
        help="a camera's number (default: 0), v4l2://, picamera2://, csi://, rtsp:// or gst:// "
        "(docs/cameras.md), a video file, a folder of pictures, or demo://",
    )
    parser.add_argument(
        "--display",
        choices=DISPLAYS,
        default=AUTO,
        help="auto (default) opens a window where there is a screen, and shows a camera that has "
        "none as a page in the browser",
    )
    add_web_arguments(parser)
    parser.add_argument(
        "--fullscreen", action="store_true", help="the window fills the screen; F changes that"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the drawn video here")
    parser.add_argument(
        "--frames",
        type=number(0, MOST_FRAMES),
        default=0,
        metavar="N",
        help="end after N frames (default: 0, never)",
    )
    parser.add_argument(
        "--keep",
        metavar="FOLDER",
        help="where scanned stones are kept; none keeps nothing (default: of a camera's stones "
        "~/.local/share/gemscan or $GEMSCAN_RECORD; of demo:// while its "
        "page runs; of files nothing)",
    )
    parser.add_argument(
        "--wait-for-camera",
        action="store_true",
        help="a camera that is not there at the start is waited for, as one that was unplugged is",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was counted here")
    parser.set_defaults(run=run_run)


def run_run(args: argparse.Namespace) -> int:
    """Run the loop. 0 when at least one frame was handled, however it ended."""
    leave_cores_to_the_model()
    from deploy.bundle import load_bundle
    from edge_app.console import report_run
    from edge_app.feed import open_feed
    from edge_app.live.stats import LoopStats
    from edge_app.live.stopping import stop_on_signals
    from edge_app.live.tray_light import TrayLight
    from edge_app.rig import Rig
    from edge_app.sources.uri import open_source

    web = web_settings(args)
    bundle = load_bundle(args.bundle)
    stats = LoopStats()
    with ExitStack() as stack:
        # From here on, so that Ctrl-C finds no library half loaded and no recording half closed.
        stop = stack.enter_context(stop_on_signals())
        source = open_source(args.source, bundle.labels)
        display = choose_display(args.display, live=source.live)
        if display != WEB and web.asked:
            log.warning("no page is served, so what was said of it is not used: add --display web")
        light = TrayLight(source)
        feed = stack.enter_context(
            open_feed(source, stop, profiled=light.settings, patient=args.wait_for_camera)
        )
        backend = stack.enter_context(_model(bundle, args, stop))
        log.info("%s, %s %s", source.name, backend.name, backend.precision)
        rig = Rig(args.source, feed, light, bundle, backend)
        try:
            _loop(args, rig, display, web, stop=stop, stats=stats)
        finally:  # what was counted is told after any kind of end
            report_run(args.json, stats, source, rig)
    return 0 if stats.frames else STOPPED_EARLY


def _model(bundle: Bundle, args: argparse.Namespace, stop: Event) -> Backend:
    """Open it. An engine may have to be built first, so a signal ends that at once."""
    from edge_app.live.stopping import raise_on_signals

    with raise_on_signals():
        if stop.is_set():  # by one that came while the camera was opened
            raise KeyboardInterrupt
        return open_model(bundle, args)


def _loop(
    args: argparse.Namespace,
    rig: Rig,
    display: str,
    web: WebSettings,
    *,
    stop: Event,
    stats: LoopStats,
) -> None:
    from edge_app.desk.desk import open_desk

    with ExitStack() as stack:
        sinks = [stack.enter_context(sink) for sink in _sinks(args, rig.feed, display == WINDOW)]
        desk = stack.enter_context(open_desk(rig, args.keep, passing=display == WEB))
        monitor = stack.enter_context(_page(rig, desk, web)) if display == WEB else None
        stats.started_at = time.monotonic()
        loop = _live_loop(rig, desk, sinks, monitor, stats, quiet=display == WINDOW)
        loop.run(frames=args.frames, at_own_pace=display in (WINDOW, WEB), stop=stop)


def _live_loop(
    rig: Rig,
    desk: Desk,
    sinks: list[Sink],
    monitor: Monitor | None,
    stats: LoopStats,
    *,
    quiet: bool,
) -> LiveLoop:
    """The loop with all its parts. quiet: verdicts are not printed."""
    from edge_app.console import Teller
    from edge_app.live.loop import LiveLoop
    from edge_app.overlay.overlay import Overlay

    teller = Teller(stats)
    names = rig.bundle.manifest.name, rig.feed.name, rig.runner
    return LiveLoop(
        rig.feed,
        _eye(rig, desk, stats.times),
        stats,
        light=rig.light,
        overlay=Overlay(*names) if sinks else None,
        sinks=sinks,
        on_change=None if quiet else teller.verdict,
        on_state=teller.state if rig.feed.live else None,
        trouble=desk.problem,
        monitor=monitor,
    )


def _eye(rig: Rig, desk: Desk, times: StageTimes) -> Eye:
    """A camera over a tray sees one stone after another; each frame of a file may be another."""
    from deploy.familiarity import read_familiarity
    from edge_app.live.classifier import Classifier
    from edge_app.scanner import Scanner

    model = rig.backend, rig.bundle.manifest, read_familiarity(rig.bundle), times
    if not rig.feed.live:
        return Classifier(*model)
    return Scanner(*model, on_stone=desk.keep, on_view=desk.view, taught=desk.taught)


def _page(rig: Rig, desk: Desk, settings: WebSettings) -> AbstractContextManager[Monitor]:
    from edge_app.web.scan_page import scan_page

    return scan_page(rig, desk, settings)


def _sinks(args: argparse.Namespace, feed: Feed, window: bool) -> list[Sink]:
    sinks: list[Sink] = []
    if window:
        from edge_app.sinks.window import WindowSink

        sinks.append(WindowSink("gemscan", fullscreen=args.fullscreen))
    if args.record is not None:
        sinks.append(_recorder(args.record, feed))
    return sinks


def _recorder(path: Path, feed: Feed) -> Sink:
    from edge_app.sinks.paced import RealTimeSink
    from edge_app.sinks.recorder import RecorderSink

    fps = feed.fps or RECORD_FPS
    recorder = RecorderSink(path, fps)
    return RealTimeSink(recorder, fps) if feed.live else recorder
