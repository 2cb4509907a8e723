"""`gemscan capture`: a page with which a camera fills a folder to train on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edge_app.web.arguments import add_web_arguments, web_settings

if TYPE_CHECKING:
    from deploy.arrays import Json
    from edge_app.capture.photographer import Photographer
    from edge_app.feed import Feed
    from edge_app.web.live import LivePicture
    from edge_app.web.screen import WebSettings

DEMO_LABELS = ("Ruby", "Emerald", "Sapphire Blue", "Diamond", "Amethyst")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="where pictures go, one folder per class"
    )
    parser.add_argument(
        "--source",
        default="0",
        metavar="URI",
        help="the camera, as for `gemscan run` (default: 0)",
    )
    parser.add_argument(
        "--classes",
        metavar="FILE|NAME,NAME",
        help="classes to choose from: a file with one a line, or their names with commas between; "
        "those in FOLDER are there anyway, and more can be added on the page",
    )
    add_web_arguments(parser)
    parser.set_defaults(run=run_capture_command)


def run_capture_command(args: argparse.Namespace) -> int:
    """Serve the page until somebody stops it, or a file ends. 0, whatever was recorded."""
    from edge_app.capture.folder import TrainingFolder
    from edge_app.capture.loop import run_capture
    from edge_app.capture.photographer import Photographer
    from edge_app.feed import open_feed
    from edge_app.live.stopping import stop_on_signals
    from edge_app.live.tray_light import TrayLight
    from edge_app.sources.uri import open_source
    from edge_app.web.screen import check_web

    check_web()
    web = web_settings(args)
    folder = TrainingFolder(args.folder, read_classes(args.classes))
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        source = open_source(args.source, tuple(folder.pictures()) or DEMO_LABELS)
        light = TrayLight(source)
        feed = stack.enter_context(open_feed(source, stop, profiled=light.settings))
        photographer = stack.enter_context(Photographer(folder, tray=feed.live))
        live = stack.enter_context(_page(web, feed, photographer))
        run_capture(feed, photographer, live, light=light, stop=stop)
    print(f"{args.folder}: {photographer.written} pictures added")
    return 0


def _page(
    settings: WebSettings, feed: Feed, photographer: Photographer
) -> AbstractContextManager[LivePicture]:
    """Serve the page, and say where."""
    from edge_app.web.capture_api import capture_routes
    from edge_app.web.screen import web_screen

    session: Json = {"mode": "capture", "source": feed.name}
    routes, more = capture_routes(photographer), lambda _: {"capture": photographer.live_json()}
    return web_screen(settings, session, routes, more, page="capture.html")


def read_classes(text: str | None) -> Sequence[str]:
    """The names behind --classes.

    Raises:
        DataError: the file cannot be read as a list of classes.
    """
    from deploy.folders import read_class_list

    if text is None:
        return ()
    if Path(text).is_file():
        return read_class_list(Path(text))
    return [name.strip() for name in text.split(",") if name.strip()]
