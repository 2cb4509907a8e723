"""Files as sources: a video, a picture, a folder of pictures, or the file of a device."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from urllib.parse import unquote

from deploy.errors import CameraError
from deploy.files import reading_errors
from deploy.pictures import SUFFIXES
from edge_app.sources import v4l2
from edge_app.sources.base import Source
from edge_app.sources.folder import FolderSource
from edge_app.sources.options import rate, switch
from edge_app.sources.uri import Uri, known_sources
from edge_app.sources.video import VideoSource


def from_uri(uri: Uri) -> Source:
    """The source that a path means, by what lies there.

    Raises:
        SettingsError: an option is not known.
        CameraError: nothing is there, or it may not be looked at.
    """
    with reading_errors(Path(uri.path), CameraError):
        return _what_lies_there(_whole_name(uri))


def _what_lies_there(uri: Uri) -> Source:
    path = Path(uri.path)
    if path.is_char_device() or _is_camera_name(uri.path):
        return v4l2.from_uri(uri)
    if not path.exists():
        raise CameraError(f"{path} is not there. A source is one of: {known_sources()}")
    if path.is_dir() or path.suffix.lower() in SUFFIXES - {".gif"}:
        return FolderSource(path, **uri.options({"loop": switch, "fps": rate}))
    return VideoSource(path, **uri.options({"loop": switch}))


def _is_camera_name(path: str) -> bool:
    """Also of one that is unplugged, and may be waited for."""
    return path.startswith(("/dev/video", "/dev/v4l/"))


def _whole_name(uri: Uri) -> Uri:
    """A file's own name may hold question marks: the options are behind the last, if any."""
    quoted = uri.text.startswith("file://")
    name = uri.text.removeprefix("file://")
    path, separator, query = name.rpartition("?")
    if not separator or (not quoted and Path(name).exists()):
        path, query = name, ""
    return dataclasses.replace(uri, path=unquote(path) if quoted else path, query=query)
