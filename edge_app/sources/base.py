"""The face that every source of frames shows."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from deploy.arrays import ByteArray


@dataclass(frozen=True)
class Frame:
    """One picture from a source.

    image_bgr: (H, W, 3) uint8, BGR.
    captured_at: `time.monotonic()` when it arrived, in seconds.
    index: 0 for the source's first frame; gaps are frames that were dropped.
    """

    image_bgr: ByteArray
    captured_at: float
    index: int


class Source(Protocol):
    """Delivers frames one after another. Used as a context manager, which opens and releases it."""

    @property
    def name(self) -> str:
        """What it is, for the screen and the log: "video stones.mp4"."""

    @property
    def live(self) -> bool:
        """Frames come at their own pace and are lost when not taken (a camera)."""

    @property
    def fps(self) -> float | None:
        """The source's own rate in frames per second, where it states one."""

    def read(self) -> Frame | None:
        """The next frame, or None when the source has ended. Every wait has an end.

        Raises:
            CameraError: no frame came in time, or the source broke off.
        """

    def __enter__(self) -> Source: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
