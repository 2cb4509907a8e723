"""Which source a URI means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote

from deploy.errors import CameraError, SettingsError
from deploy.pictures import SUFFIXES
from edge_app.sources.base import Source
from edge_app.sources.camera import CameraSource
from edge_app.sources.folder import FolderSource
from edge_app.sources.options import parse_options, rate, switch, whole
from edge_app.sources.video import VideoSource

KNOWN = (
    "0 (a camera's number), v4l2:///dev/video0, demo://, a video file or a folder of pictures "
    "(with or without file://)"
)


def open_source(uri: str, labels: Sequence[str]) -> Source:
    """The source that a URI means, not yet opened: entering it does that.

    Args:
        uri: `0`, `v4l2:///dev/video0?width=1280&height=720&fps=30`, `demo://?fps=30&seed=1`,
            `stones.mp4?loop=1`, `file:///photos?fps=2`.
        labels: the bundle's, for the demo to draw.

    Raises:
        SettingsError: the scheme or an option is not known.
        CameraError: there is no such file or folder.
    """
    if uri.isdecimal():
        return CameraSource(Path(f"/dev/video{uri}"))
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return _file(uri, uri)
    openers: dict[str, Callable[[str], Source]] = {
        "v4l2": lambda rest: _camera(rest, uri),
        "demo": lambda rest: _demo(rest, uri, labels),
        "file": lambda rest: _file(rest, uri, quoted=True),
    }
    if scheme not in openers:
        raise SettingsError(f"{uri}: sources of the kind {scheme}:// are not known. Known: {KNOWN}")
    return openers[scheme](rest)


def _camera(rest: str, uri: str) -> Source:
    device, _, query = rest.partition("?")
    known = {"width": whole(16), "height": whole(16), "fps": rate}
    options = parse_options(query, known, uri)
    device = f"/dev/video{device}" if device.isdecimal() else device
    if not device.startswith("/dev/"):
        raise SettingsError(f"{uri}: write the camera as v4l2:///dev/video0, with three slashes.")
    return CameraSource(Path(device), **options)


def _demo(rest: str, uri: str, labels: Sequence[str]) -> Source:
    from edge_app.sources.demo import DemoSource  # the renderer is loaded for the demo alone

    path, _, query = rest.partition("?")
    if path:
        raise SettingsError(f"{uri}: the demo has no path; write demo:// or demo://?fps=30")
    known = {"fps": rate, "seed": whole(0), "stones": whole(1)}
    return DemoSource(labels, **parse_options(query, known, uri))


def _file(name: str, uri: str, *, quoted: bool = False) -> Source:
    path, query = _split(name)
    path = Path(unquote(str(path))) if quoted else path
    if not path.exists():
        raise CameraError(f"{path} is not there. A source is one of: {KNOWN}")
    if path.is_char_device():
        return _camera(name, uri)
    if path.is_dir() or path.suffix.lower() in SUFFIXES - {".gif"}:
        options = parse_options(query, {"loop": switch, "fps": rate}, uri)
        return FolderSource(path, **options)
    return VideoSource(path, **parse_options(query, {"loop": switch}, uri))


def _split(name: str) -> tuple[Path, str]:
    """A file's own name may hold a question mark; one that exists as written has no options."""
    if "?" not in name or Path(name).exists():
        return Path(name), ""
    path, _, query = name.rpartition("?")
    return Path(path), query
