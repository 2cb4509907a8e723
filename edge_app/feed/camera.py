"""A camera's frames: the newest alone, and a camera that is lost is opened again, for ever."""

from __future__ import annotations

import logging
import math
import time
from threading import Condition, Event, Thread

from deploy.errors import CameraError, FrameError
from deploy.preprocess import check_frame
from edge_app.feed.base import WAIT_S, Look
from edge_app.feed.hold import Holder
from edge_app.feed.retries import Retries
from edge_app.live.states import CameraState
from edge_app.sources.base import Frame, Source

log = logging.getLogger(__name__)

STALLED_AFTER_S = 2.0
LOST_AFTER_S = 4.0  # without a frame, the camera is closed and opened again
ERROR_PAUSE_S = 0.1  # a camera that fails at once must not fail a million times a second
OPENS_WITHIN_S = 20.0  # the slowest known: a network camera that is not there
CLOSES_WITHIN_S = 5.0


class CameraFeed:
    """Opens, reads and releases a live source in one thread; `look` never waits for it long.

    A call of a driver that never returns cannot be ended from outside. It shows as `lost`, no
    second thread is started beside it, and delivery goes on should it ever come back.
    """

    live = True

    def __init__(
        self,
        source: Source,
        stop: Event | None = None,
        *,
        holder: Holder | None = None,
        patient: bool = False,
    ) -> None:
        """Nothing is opened yet. For the arguments see `open_feed`."""
        self.name = source.name
        self.dropped = self.missed = 0
        self._source = source
        self._stop = stop or Event()
        self._holder = holder or Holder()
        self._patient = patient
        self._retries = Retries()
        self._closing = Event()
        self._changed = Condition()
        self._thread = Thread(target=self._run, name=f"read {source.name}", daemon=True)
        self._frame: Frame | None = None
        self._frame_state = CameraState.LIVE
        self._state, self._note = CameraState.STARTING, ""
        self._looked = CameraState.STARTING
        self._alive_at: float | None = None  # None while it is opened, locked, or given a pause
        self._first_at: float | None = None  # when frames began to come, since it was opened
        self._opened = self._ended = False
        self._error: BaseException | None = None
        self._told = ""
        self._reopen: tuple[str, bool] | None = None
        self._next_index: int | None = None

    @property
    def fps(self) -> float | None:
        """Of the source, in frames per second."""
        return self._source.fps

    @property
    def losses(self) -> int:
        """Times that the camera was lost since the start."""
        return self._retries.losses

    @property
    def losses_last_hour(self) -> int:
        """Times that the camera was lost in the last 60 minutes."""
        return self._retries.last_hour(time.monotonic())

    def __enter__(self) -> CameraFeed:
        """Start, and wait until the camera is open, unless patient or told to stop.

        Raises:
            CameraError: it cannot be opened.
        """
        self._thread.start()
        if self._patient or (self._settled() and (self._opened or self._error is None)):
            return self  # what happens once it is open is told by `look`
        self.__exit__(None, None, None)
        raise self._error or CameraError(
            f"{self.name} could not be opened within {OPENS_WITHIN_S:.0f} s. Check its cable."
        )

    def _settled(self) -> bool:
        """Wait until it is open or not, or not wanted any more; False: neither in time.

        In short waits, since a signal's handler sets `stop` and wakes nobody.
        """
        until_s = time.monotonic() + OPENS_WITHIN_S
        with self._changed:
            while not (self._opened or self._error or self._stop.is_set()):
                if time.monotonic() >= until_s:
                    return False
                self._changed.wait(WAIT_S)
        return True

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(CLOSES_WITHIN_S)
        if self._thread.is_alive():
            log.warning("%s does not answer; it is left as it is", self.name)

    def look(self) -> Look | None:
        """What there is; see `Feed.look`.

        Raises:
            BaseException: a bug in a source, as it was raised there.
        """
        with self._changed:
            self._changed.wait_for(self._has_news, WAIT_S)
            if self._silent_s() >= self._stalled_after_s():
                self._frame = None  # it waited while nobody looked, and may not be true any more
            if self._frame is not None:
                return self._take(self._frame)
            if self._error is not None:
                raise self._error
            if self._ended or self._stop.is_set():
                return None
            self._looked = self._state
            return self._silence()

    def _has_news(self) -> bool:
        ends = self._error or self._ended or self._stop.is_set()
        return bool(self._frame or ends or self._state is not self._looked)

    def _take(self, frame: Frame) -> Look:
        """Gaps in the numbering are frames that were dropped on the way."""
        if self._next_index is not None:
            self.dropped += max(0, frame.index - self._next_index)
        self._next_index = frame.index + 1
        self._frame, self._looked = None, self._state
        return Look(frame, self._frame_state)

    def _silence(self) -> Look:
        """No frame came: how bad that is."""
        silent_s = self._silent_s()
        if silent_s < self._stalled_after_s():
            return Look(None, self._state, self._note)
        if silent_s < max(LOST_AFTER_S, self._stalled_after_s()) + STALLED_AFTER_S:
            return Look(None, CameraState.STALLED, f"nothing for {silent_s:.0f} s")
        return Look(None, CameraState.LOST, f"it has not answered for {silent_s:.0f} s")

    def _silent_s(self) -> float:
        return 0.0 if self._alive_at is None else time.monotonic() - self._alive_at

    def _stalled_after_s(self) -> float:
        """A camera of less than a frame a second is given its time."""
        return max(STALLED_AFTER_S, 2.5 / self.fps if self.fps else 0.0)

    def resume(self) -> None:
        """Forget the waiting frame, and do not count those that were not wanted."""
        with self._changed:
            self._frame = None
            self._next_index = None

    def reopen(self, why: str, *, afresh: bool = False) -> None:
        """Have the thread close the camera and open it again; see `Feed.reopen`."""
        self._reopen = (why, afresh)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._first_at = None
            self._publish(self._state, self._note, alive_at=None)
            try:
                with self._source:
                    self._start()
                    if self._deliver(CameraState.LIVE):
                        return
            except CameraError as exc:
                self._lose(exc)
            except BaseException as exc:  # a thread's boundary: the loop raises it instead
                self._fail(exc)
                return

    def _start(self) -> None:
        with self._changed:
            self._next_index = None  # numbering begins anew
            self._opened = True
            self._publish(CameraState.STARTING, "", alive_at=None)
        self._holder.hold(self._source, self._settle)

    def _settle(self, seconds: float) -> bool:
        """Show what it sees; being locked thereafter takes frames too, which is no silence.
        True: there is no thereafter."""
        over = self._deliver(CameraState.STARTING, seconds)
        self._publish(CameraState.STARTING, "", alive_at=None)
        return over

    def _deliver(self, state: CameraState, seconds: float = math.inf) -> bool:
        """Hand frames over for so long. True: told to close, or the source has ended.

        Raises:
            CameraError: it has been silent for too long, or somebody asked to reopen it.
        """
        began_at = last_at = self._alive_at = time.monotonic()
        while not self._closing.is_set():
            self._heed_reopen()
            if time.monotonic() - began_at >= seconds:
                return False
            try:
                frame = _checked(self._source.read())
            except CameraError:
                self.missed += 1
                if time.monotonic() - last_at >= max(LOST_AFTER_S, self._stalled_after_s()):
                    raise
                self._closing.wait(ERROR_PAUSE_S)
                continue
            if frame is None:
                self._end()
                return True
            last_at = time.monotonic()
            self._told = ""
            self._offer(frame, state)
        return True

    def _heed_reopen(self) -> None:
        wish, self._reopen = self._reopen, None
        if wish is None:
            return
        why, afresh = wish
        if afresh:
            self._holder.forget()
        raise CameraError(why)

    def _offer(self, frame: Frame, state: CameraState) -> None:
        """Replace what nobody took."""
        now = time.monotonic()
        self._first_at = self._first_at or now
        with self._changed:
            self._frame, self._frame_state = frame, state
            self._publish(state, "", alive_at=now)

    def _publish(self, state: CameraState, note: str, *, alive_at: float | None) -> None:
        with self._changed:
            self._state, self._note, self._alive_at = state, note, alive_at
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _lose(self, error: CameraError) -> None:
        """Wait before the next try; at the start, unless patient, there is none."""
        if not (self._opened or self._patient):
            self._fail(error)
            self._closing.set()
            return
        now = time.monotonic()
        delivered_s = None if self._first_at is None else now - self._first_at
        pause_s = self._retries.failed(now, delivered_s)
        self._tell(error)
        note = f"next try in {pause_s:.0f} s; times lost within an hour: {self.losses_last_hour}"
        with self._changed:
            self._frame = None
            self._publish(CameraState.LOST, note, alive_at=None)
        self._closing.wait(pause_s)

    def _tell(self, error: CameraError) -> None:
        """A camera that is gone for a day must not fill the log with one and the same line."""
        said = str(error)
        log.log(logging.DEBUG if said == self._told else logging.WARNING, "lost: %s", said)
        self._told = said


def _checked(frame: Frame | None) -> Frame | None:
    """A driver's garbage is a frame that was missed.

    Raises:
        CameraError: not (H, W, 3) uint8, or empty.
    """
    if frame is not None:
        try:
            check_frame(frame.image_bgr)
        except FrameError as exc:
            raise CameraError(f"the camera gave no picture: {exc}") from exc
    return frame
