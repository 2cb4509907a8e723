"""What the loop sees of a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_app.live.states import CameraState
from edge_app.sources.base import Frame

WAIT_S = 0.1  # at most, for a frame: so soon a wish to stop, a key, or trouble is answered


@dataclass(frozen=True)
class Look:
    """How things stand at one moment.

    frame: the newest one, or None where none came since the last look.
    state: how delivery goes: STARTING, LIVE, STALLED or LOST. What a picture shows is not judged.
    note: why, and what happens next, for whoever sets the camera up; empty while all is well.
    """

    frame: Frame | None
    state: CameraState = CameraState.LIVE
    note: str = ""


class Feed(Protocol):
    """Hands frames of a source to the loop. A context manager, which opens the source.

    name, live, fps: of the source; fps may be known only after it was opened.
    dropped: frames that came and were gone before the loop took them.
    missed: frames that the source could not deliver.
    """

    name: str
    live: bool
    dropped: int
    missed: int

    @property
    def losses(self) -> int:
        """Times that the source was lost since the start."""

    @property
    def fps(self) -> float | None:
        """Frames per second of the source, where it states a rate."""

    @property
    def losses_last_hour(self) -> int:
        """Times that the source was lost in the last 60 minutes."""

    def look(self) -> Look | None:
        """What there is, within `WAIT_S`; None when the source has ended or `stop` is set.

        Raises:
            CameraError: a file broke off. A camera that does is waited for, as a state.
        """

    def resume(self) -> None:
        """Call after a pause in which no frame was wanted: what a camera gave then is forgotten."""

    def reopen(self, why: str, *, afresh: bool = False) -> None:
        """Open a camera anew, as one that was lost; a file has nothing to gain from it.

        Args:
            why: for the log.
            afresh: let it find its exposure and white balance anew.
        """

    def __enter__(self) -> Feed: ...

    def __exit__(self, *_: object) -> None: ...
