"""The page of a scanner: the live picture, the verdict, the record, corrections and lessons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.arrays import Json
from edge_app.desk.desk import Desk
from edge_app.live.reading import Reading
from edge_app.rig import Rig
from edge_app.web.lessons_api import lessons_routes
from edge_app.web.live import LivePicture
from edge_app.web.screen import WebSettings, web_screen
from edge_app.web.stones_api import stones_routes

NOT_KEPT = (
    "The stones of this run are not recorded, so there is nothing to list, correct or teach. "
    "Start the scanner on a camera, and without --keep none."
)


@contextmanager
def scan_page(rig: Rig, desk: Desk, settings: WebSettings) -> Iterator[LivePicture]:
    """Serve it, and say where. See `edge_app.web.screen.web_screen`."""
    routes = [*stones_routes(desk, desk.folder), *lessons_routes(desk)]

    def more(reading: Reading) -> Json:
        return {"corrected": desk.corrected(reading.stone), "revision": desk.revision}

    with web_screen(settings, _session(rig, desk), routes, more) as live:
        yield live


def _session(rig: Rig, desk: Desk) -> Json:
    """What the page asks first: what looks at the stones here."""
    manifest, kept = rig.bundle.manifest, desk.folder is not None
    return {
        "mode": "scan",
        "bundle": {"name": manifest.name, "version": manifest.version},
        "source": rig.feed.name,
        "backend": rig.runner,
        "record": {"kept": kept, "why": "" if kept else NOT_KEPT},
    }
