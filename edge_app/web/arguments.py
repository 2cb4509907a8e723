"""The flags that say how the page is served."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_app.web.screen import WebSettings


def add_web_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.add_argument(
        "--listen",
        metavar="[HOST:]PORT",
        help="where the page is served (default: 127.0.0.1:8080, this machine alone; "
        "0.0.0.0:8080 lets the shop's network in, by a pairing code: docs/network.md)",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="serve it by TLS: certificate")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its key")


def web_settings(args: argparse.Namespace) -> WebSettings:
    """What the flags say.

    Raises:
        SettingsError: they make no sense.
    """
    from deploy.errors import SettingsError
    from edge_app.web.screen import WebSettings
    from edge_app.web.server import Listen

    if (args.tls_cert is None) != (args.tls_key is None):
        raise SettingsError("--tls-cert and --tls-key belong together: give both.")
    listen = None
    if args.listen is not None:
        try:
            listen = Listen.from_text(args.listen)
        except ValueError as exc:
            raise SettingsError(f"--listen must be {exc}, not “{args.listen}”.") from exc
    return WebSettings(listen, args.tls_cert, args.tls_key)
