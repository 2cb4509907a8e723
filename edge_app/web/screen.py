"""The scanner's page, as a run opens it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.arrays import Json
from deploy.errors import require
from edge_app.live.reading import Reading
from edge_app.terminal import say
from edge_app.web.server import Listen, WebServer, open_socket

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from edge_app.web.guard.access import Access
    from edge_app.web.live import LivePicture

REMEDY = 'pip install "gemscan[web]"'
TRIES = 10  # ports, where nobody asked for a certain one


@dataclass(frozen=True)
class WebSettings:
    """How the page is served.

    listen: None takes this machine's loopback, and the first free port from 8080 on.
    certificate, key: PEM files; with them the page is served by TLS.
    """

    listen: Listen | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def asked(self) -> bool:
        """Whether anything was said of the page."""
        return self != WebSettings()


def check_web() -> None:
    """See whether a page can be served here.

    Raises:
        MissingDependencyError: a library is missing.
    """
    for name in ("starlette", "uvicorn", "websockets"):
        require(name, remedy=REMEDY)


@contextmanager
def web_screen(
    settings: WebSettings,
    session: Json,
    routes: Sequence[BaseRoute],
    more: Callable[[Reading], Json],
    *,
    page: str = "index.html",
) -> Iterator[LivePicture]:
    """Serve a page, print where, and give the place to show readings.

    Args:
        session: what the page asks first; the version, the server's own mark, and whether the
            network is let in are added.
        routes: what can be asked beside the live picture.
        more: what the page is told with each reading.

    Raises:
        SettingsError: the port is taken, or the certificate is no good.
        WebError: the server does not start.
    """
    from edge_app.web.app import make_app
    from edge_app.web.guard.certificate import check_certificate
    from edge_app.web.guard.devices_api import devices_routes
    from edge_app.web.guard.door import guard
    from edge_app.web.guard.limits import UVICORN_LIMITS
    from edge_app.web.guard.pairing import pairing_routes
    from edge_app.web.live import LivePicture

    if settings.certificate and settings.key:
        check_certificate(settings.certificate, settings.key)
    wanted = settings.listen or Listen()
    taken = open_socket(wanted, tries=1 if settings.listen else TRIES)
    access = _access(wanted, taken.getsockname()[1], tls=settings.certificate is not None)
    said = {**session, "gemscan": _own_version(), "start": secrets.token_hex(4)}
    said["network"] = access.beyond_loopback
    guards = [*pairing_routes(access), *devices_routes(access)]
    with ExitStack() as stack:
        live = LivePicture(more)
        app = make_app(live, said, [*guards, *routes], page=page)
        keys = {"certificate": settings.certificate, "key": settings.key}
        stack.enter_context(WebServer(guard(app, access), taken, UVICORN_LIMITS, **keys))
        stack.enter_context(live)  # left first, so that every page is told
        _tell(access)
        yield live


def _own_version() -> str:
    """Empty where gemscan runs from its sources, not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gemscan")
    except PackageNotFoundError:
        return ""


def _access(wanted: Listen, port: int, *, tls: bool) -> Access:
    from edge_app.web.guard.access import Access
    from edge_app.web.guard.devices import devices_folder

    folder = devices_folder() if wanted.port else None  # a port by chance is not met again
    return Access(wanted.host, port, folder, tls=tls, on_code=_tell_code)


def _tell(access: Access) -> None:
    say(f"open in a browser: {access.own_address}")
    if not access.beyond_loopback:
        return
    for address in access.addresses():
        say(f"from another device: {address}")
    _tell_code(access.code)


def _tell_code(code: str) -> None:
    say(f"pairing code, for each new device: {code[:3]} {code[3:]}")
