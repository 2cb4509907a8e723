"""Lessons: a new kind is taught with a few views of a stone, and named at once."""

from __future__ import annotations

import concurrent.futures
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from deploy.arrays import FloatArray
from deploy.errors import GemscanError
from deploy.record.stones import Provisional, TaughtView, clean_label
from edge_app.record.recorder import Recorder
from edge_app.record.taught import TaughtKinds, taught_kinds
from edge_app.record.written import Revision, followed, wait_for
from edge_app.scanner.stone import StoneView

T = TypeVar("T")

MOST_VIEWS = 10
LOOK_TIMEOUT_S = 1.5  # a stone that lies still is looked at about three times a second


class NotNowError(GemscanError):
    """What the operator asks for does not go now: no stone, no lesson, no record."""


class UnknownKindError(GemscanError):
    """A kind that was never taught cannot be forgotten."""


@dataclass
class _Lesson:
    label: str
    views: list[StoneView] = field(default_factory=list)

    def check_room(self) -> None:
        if len(self.views) >= MOST_VIEWS:
            raise NotNowError(f"a lesson has {MOST_VIEWS} views at most. Save it.")


class Lessons:
    """One lesson at a time, and what was taught before. For any thread.

    `view`, `match` and `catch_up` are the loop's and wait for nothing; the others are an
    operator's, and may wait for the next look at a stone, or for the disk. Whoever says the name
    of the lesson that is meant, as `begin` gave it, touches none that somebody else has begun.

    look_timeout_s: how long a view is waited for.
    """

    def __init__(
        self,
        recorder: Recorder | None,
        network_digest: str,
        revision: Revision,
        known_label: Callable[[str], str],
    ) -> None:
        """Kinds that were taught before are known as soon as the recorder has read them.

        Args:
            recorder: entered already; None where nothing is kept, and nothing can be taught.
            network_digest: of the bundle that looks; what another one was taught says nothing.
            revision: counts each change.
            known_label: gives a label as it is kept, in the spelling that is known.
        """
        self._recorder = recorder
        self._digest = network_digest
        self._revision = revision
        self._known_label = known_label
        self.look_timeout_s = LOOK_TIMEOUT_S
        self._lock = threading.Lock()
        self._lesson: _Lesson | None = None
        self._waiting: deque[Future[StoneView]] = deque()
        self._kinds: TaughtKinds = taught_kinds(())
        self._known = False
        self.catch_up()

    def catch_up(self) -> None:
        """Read what was taught before, where that was not possible so far. Waits for nothing."""
        if self._recorder is not None and not self._known:
            self._learn(self._recorder)  # how it ends is the recorder's to tell

    def view(self, view: StoneView) -> None:
        """Take one look of the network; a copy of it, where somebody waits for one."""
        with self._lock:
            waiting = self._waiting.popleft() if self._waiting else None
        if waiting is not None:
            waiting.set_result(StoneView(view.key, view.embedding.copy(), view.crop_bgr.copy()))

    def match(self, embedding: FloatArray) -> Provisional | None:
        """The taught kind that a stone is like; see `TaughtKinds.match`."""
        return self._kinds.match(embedding)

    def kinds(self) -> dict[str, int]:
        """What this bundle was taught: how many views by label."""
        kinds = self._kinds
        return dict(zip(kinds.labels, kinds.views, strict=True))

    def begin(self, label: str) -> str:
        """Begin a lesson, and drop one that is open; gives the label as it is kept.

        Raises:
            SettingsError: the label is empty or too long.
            NotNowError: nothing is kept in this run.
            RecordError: the record is damaged.
        """
        kept_somewhere(self._recorder)
        lesson = _Lesson(self._known_label(label))
        with self._lock:
            self._lesson = lesson
        return lesson.label

    def take_view(self, label: str = "") -> tuple[str, int]:
        """Add the next look at the stone on the tray; gives the label, and how many there are.

        Args:
            label: of the lesson that is meant; empty for whichever is open.

        Raises:
            NotNowError: no lesson is open, or another one, or it is full, or no stone lies still
                in time.
        """
        waiting: Future[StoneView] = Future()
        with self._lock:
            lesson = self._open(label)
            lesson.check_room()
            self._waiting.append(waiting)
        view = self._next_view(waiting)
        with self._lock:
            if self._lesson is not lesson:
                raise NotNowError("the lesson was ended meanwhile. Begin it again.")
            lesson.check_room()
            lesson.views.append(view)
            return lesson.label, len(lesson.views)

    def _next_view(self, waiting: Future[StoneView]) -> StoneView:
        try:
            return waiting.result(self.look_timeout_s)
        except concurrent.futures.TimeoutError as exc:
            with self._lock, suppress(ValueError):  # it may come at this very moment
                self._waiting.remove(waiting)
            raise NotNowError(
                "no stone lies still on the tray. Lay it down, take the hand away, and try again."
            ) from exc

    def save(self, label: str = "") -> None:
        """Keep the lesson, and name stones by it from now on.

        Args:
            label: as for `take_view`.

        Raises:
            NotNowError: no lesson is open, or another one, or it has no views.
            StorageError, RecordError: it is not kept; it stays open, to be saved again.
        """
        recorder = kept_somewhere(self._recorder)
        with self._lock:
            lesson = self._open(label)
            if not lesson.views:
                raise NotNowError("the lesson has no views yet. Take one, better three.")
            self._lesson = None  # before it is written: a second press must not write it twice
        views = [v.embedding for v in lesson.views], [v.crop_bgr for v in lesson.views]
        job = recorder.teach(lesson.label, *views, self._digest)
        try:
            self._changed(recorder, job)
        except GemscanError:
            if job.done() and job.exception():
                self._reopen(lesson)
            raise

    def _reopen(self, lesson: _Lesson) -> None:
        with self._lock:
            self._lesson = self._lesson or lesson

    def cancel(self, label: str = "") -> None:
        """Drop the lesson, if one is open; one with this label, where it is given."""
        with self._lock:
            if self._lesson is not None and label in ("", self._lesson.label):
                self._lesson = None

    def forget(self, label: str) -> None:
        """Forget a kind that was taught, whatever bundle it was taught with.

        Raises:
            SettingsError: the label is empty or too long.
            UnknownKindError: there is no such kind.
            NotNowError: nothing is kept in this run.
            StorageError, RecordError: it is not forgotten.
        """
        recorder = kept_somewhere(self._recorder)
        label = clean_label(label)
        if not self._changed(recorder, recorder.forget(label)):
            raise UnknownKindError(f"no kind named “{label}” was taught.")

    def _changed(self, recorder: Recorder, job: Future[T]) -> T:
        """Wait for a change, and until it is known here. The reading comes after the writing."""
        self._revision.count(job)
        learnt = self._learn(recorder)
        result = wait_for(job)
        wait_for(learnt)
        return result

    def _learn(self, recorder: Recorder) -> Future[list[TaughtView]]:
        return followed(recorder.taught(self._digest), self._know)

    def _know(self, views: list[TaughtView]) -> None:
        self._kinds, self._known = taught_kinds(views), True

    def _open(self, label: str) -> _Lesson:
        if self._lesson is None:
            raise NotNowError("no lesson is open. Begin one with the name of the kind.")
        if label not in ("", self._lesson.label):
            raise NotNowError(
                f"a lesson for “{self._lesson.label}” was begun meanwhile. When that one is "
                f"saved, begin the one for “{label}” again."
            )
        return self._lesson


def kept_somewhere(recorder: Recorder | None) -> Recorder:
    """The recorder of a run.

    Raises:
        NotNowError: it has none.
    """
    if recorder is None:
        raise NotNowError(
            "this run keeps no stones. Start it with --keep FOLDER to correct and teach."
        )
    return recorder
