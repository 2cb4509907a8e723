"""Frames for benchmarks, drawn before anything is measured."""

from __future__ import annotations

import time

from deploy.arrays import ByteArray
from edge_app.sources.base import Frame
from edge_app.sources.demo import DemoSource


def demo_frames(labels: tuple[str, ...], count: int) -> list[ByteArray]:
    """The first frames of the demo: each (720, 1280, 3) uint8, BGR."""
    with DemoSource(labels, fps=0) as source:
        frames = [source.read() for _ in range(count)]
    return [frame.image_bgr for frame in frames if frame is not None]


class PreloadedFrames:
    """Frames that lie in memory already, handed over in turn: reading costs nothing.

    The overlay is drawn into them again and again, which changes nothing of the work.
    """

    name = "frames in memory"
    live = False
    fps = None

    def __init__(self, images_bgr: list[ByteArray]) -> None:
        self._images_bgr = images_bgr
        self._index = -1

    def read(self) -> Frame:
        """The next of the frames; after the last one the first comes again."""
        self._index += 1
        image_bgr = self._images_bgr[self._index % len(self._images_bgr)]
        return Frame(image_bgr, time.monotonic(), self._index)

    def __enter__(self) -> PreloadedFrames:
        return self

    def __exit__(self, *_: object) -> None: ...
