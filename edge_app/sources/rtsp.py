"""`rtsp://…`: a network camera, through GStreamer or FFmpeg, with as little delay as they allow."""

from __future__ import annotations

import cv2

from deploy.errors import SettingsError
from edge_app.machine.jetson import is_jetson
from edge_app.sources.gstreamer import (
    NEWEST,
    TO_BGR,
    PipelineSource,
    has_gstreamer,
    require_gstreamer,
)
from edge_app.sources.mask import masked
from edge_app.sources.options import Converter, parse_options, whole
from edge_app.sources.uri import Uri

LATENCY_MS = 100  # what rtspsrc waits for packets that are late; its own default is 2000
SILENT_US = 5_000_000
ADVICE = " Check that the camera is on, its address, and its user and password"
QUOTING = set(" \"'\\\n")


def from_uri(uri: Uri) -> PipelineSource:
    """The camera that `rtsp://user:password@host/path?for=camera#latency=50&transport=udp` means.

    All up to the # is the camera's own; behind it are `latency` (milliseconds), `transport`
    (tcp or udp) and `through` (gstreamer or ffmpeg).

    Raises:
        SettingsError: no host, an unknown option, or a character that an address cannot hold.
        MissingDependencyError: GStreamer is asked for, and OpenCV was built without it.
    """
    address, _, fragment = uri.text.partition("#")
    name = masked(address)
    if not address.partition("://")[2].strip("/"):
        raise SettingsError(f"{name}: write the camera's address, as rtsp://192.168.1.20/stream1.")
    if QUOTING & set(address):
        problem = "an address holds no blanks or quotes; write them as %20, %22 and %27"
        raise SettingsError(f"{name}: {problem}.")
    options = parse_options(fragment, _KNOWN, name)
    through = options.pop("through", "gstreamer" if has_gstreamer() else "ffmpeg")
    if through == "gstreamer":
        require_gstreamer("through=gstreamer")
    source = (gstreamer_source if through == "gstreamer" else ffmpeg_source)(address, **options)
    source.advice = ADVICE
    return source


def gstreamer_source(
    address: str, *, latency: int = LATENCY_MS, transport: str = "tcp"
) -> PipelineSource:
    """The camera through GStreamer. A Jetson decodes in its own memory: nvvidconv fetches it."""
    fetch = ["nvvidconv", "video/x-raw,format=BGRx"] if is_jetson() else []
    pipeline = " ! ".join(
        [
            f'rtspsrc location="{address}" latency={latency} drop-on-latency=true '
            f"protocols={transport} tcp-timeout={SILENT_US}",
            "application/x-rtp,media=video",  # not the sound, which would be linked as well
            *("decodebin", *fetch, TO_BGR, NEWEST),
        ]
    )
    return PipelineSource(f"camera {masked(address)}", pipeline, coded=True)


def ffmpeg_source(
    address: str, *, latency: int = LATENCY_MS, transport: str = "tcp"
) -> PipelineSource:
    """The camera through OpenCV's own FFmpeg, which pip's builds have."""
    options = {
        "rtsp_transport": transport,
        "fflags": "nobuffer",
        "flags": "low_delay",
        "max_delay": str(latency * 1000),  # microseconds
    }
    text = "|".join(f"{name};{value}" for name, value in options.items())
    return PipelineSource(
        f"camera {masked(address)}",
        address,
        api=cv2.CAP_FFMPEG,
        environment={"OPENCV_FFMPEG_CAPTURE_OPTIONS": text},
        coded=True,
    )


def _one_of(*words: str) -> Converter:
    def convert(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return convert


_KNOWN: dict[str, Converter] = {
    "latency": whole(0),
    "transport": _one_of("tcp", "udp"),
    "through": _one_of("gstreamer", "ffmpeg"),
}
