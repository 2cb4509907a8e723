"""Which source a URI means. One row for each kind; its module is loaded when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.errors import SettingsError
from edge_app.sources.base import Source
from edge_app.sources.mask import masked
from edge_app.sources.options import Converter, parse_options

# scheme: (module with `from_uri(uri)`, how it is written)
KINDS = {
    "v4l2": ("edge_app.sources.v4l2", "0 (a camera's number) or v4l2:///dev/video0"),
    "picamera2": ("edge_app.sources.picamera", "picamera2://0 (a Raspberry Pi's own camera)"),
    "csi": ("edge_app.sources.csi", "csi://0 (a Jetson's own camera)"),
    "rtsp": ("edge_app.sources.rtsp", "rtsp://HOST/PATH"),
    "rtsps": ("edge_app.sources.rtsp", "rtsps://HOST/PATH"),
    "gst": ("edge_app.sources.gstreamer", "gst://PIPELINE"),
    "demo": ("edge_app.sources.demo", "demo://"),
    "file": (
        "edge_app.sources.file",
        "a video file or a folder of pictures (file:// before it is allowed)",
    ),
}


@dataclass(frozen=True)
class Uri:
    """A source as it was written, taken apart.

    text: the whole, for messages.
    path: between `://` and the question mark.
    query: after the question mark.
    labels: the bundle's, for the demo to draw.
    """

    text: str
    path: str
    query: str = ""
    labels: Sequence[str] = field(default=(), repr=False)

    def options(self, known: Mapping[str, Converter]) -> dict[str, Any]:
        """The query, read (`parse_options`).

        Raises:
            SettingsError: an option is unknown, without a value, or not of its kind.
        """
        return parse_options(self.query, known, self.text)


def open_source(text: str, labels: Sequence[str] = ()) -> Source:
    """The source that a URI means, not yet opened: entering it does that.

    Args:
        text: `0`, `v4l2:///dev/video0?width=1280&height=720&fps=30`, `demo://?fps=30&seed=1`,
            `csi://0?flip=2`, `rtsp://host/path#latency=50`, `gst://PIPELINE`, `stones.mp4?loop=1`,
            `file:///photos?fps=2`.
        labels: the bundle's, for the demo to draw.

    Raises:
        SettingsError: the scheme or an option is not known.
        CameraError: there is no such file or folder.
    """
    scheme, rest = _scheme(text)
    if scheme not in KINDS:
        kind = f"sources of the kind {scheme}:// are not known"
        raise SettingsError(f"{masked(text)}: {kind}. Known: {known_sources()}")
    path, _, query = rest.partition("?")
    source: Source = importlib.import_module(KINDS[scheme][0]).from_uri(
        Uri(text, path, query, labels)
    )
    return source


def known_sources() -> str:
    """How each kind is written, for help and messages."""
    return ", ".join(written for _, written in KINDS.values())


def _scheme(text: str) -> tuple[str, str]:
    if text.isdecimal():
        return "v4l2", f"/dev/video{text}"
    scheme, separator, rest = text.partition("://")
    return (scheme, rest) if separator else ("file", text)
