"""The operator's desk: what is said of stones beside looking at them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.arrays import FloatArray
from deploy.errors import StorageError
from deploy.record.place import DATABASE
from deploy.record.reader import RecordReader
from deploy.record.stones import Provisional, clean_label, clean_note
from deploy.spelling import distinct, known_as
from edge_app.desk.keeping import Keeper, folder_to_keep_in
from edge_app.desk.lessons import Lessons, kept_somewhere
from edge_app.record.recorder import FOR_STONES, Recorder
from edge_app.record.written import Revision, wait_for
from edge_app.rig import Rig
from edge_app.scanner.stone import ScannedStone, StoneView

log = logging.getLogger(__name__)

MOST_PAST = 200  # names of past corrections to pick from; the others are known when they are typed


@dataclass
class _Lying:
    """The stone on the tray, or the last one that was there.

    kept: it is with the recorder.
    label, note: what it was corrected to; empty where it was not.
    """

    key: str = ""
    kept: bool = False
    label: str = ""
    note: str = ""


class Desk:
    """Between the loop, which must not wait, the operator's requests, and the recorder.

    `keep`, `view` and `taught` are for the loop: they wait for no disk, and no trouble with the
    record reaches it. The others may be called from any thread.

    lessons: what is taught.
    folder: of the record; None where nothing is kept.
    """

    def __init__(
        self,
        keeper: Keeper | None,
        recorder: Recorder | None,
        folder: Path | None,
        network_digest: str,
        labels: Sequence[str],
    ) -> None:
        """Put it together; without keeper, recorder and folder for a run that keeps nothing.

        Args:
            recorder: entered already; the keeper's.
            folder: the recorder's.
            labels: the bundle's.
        """
        self._keeper = keeper
        self._recorder = recorder
        self.folder = folder
        self._labels = tuple(labels)
        self._lock = threading.Lock()
        self._lying = _Lying()
        self._revision = Revision()
        self.lessons = Lessons(recorder, network_digest, self._revision, self.known_label)

    def keep(self, scanned: ScannedStone) -> None:
        """Record a stone, and what it was corrected to while it lay on the tray."""
        if self._keeper is None:
            return
        with self._lock:  # nobody's correction may overtake the stone
            self._revision.count(self._keeper.keep(scanned))
            if scanned.key == self._lying.key:
                self._lying.kept = True
                self._write_said()
        self.lessons.catch_up()

    def _write_said(self) -> None:
        lying = self._lying
        if lying.label:
            job = self._write(lying.key, lying.label, lying.note, leave=0)
            job.add_done_callback(_tell_trouble)

    def view(self, view: StoneView) -> None:
        """Take note of what lies on the tray. A stone that was never reported leaves no trace."""
        if view.key != self._lying.key:
            with self._lock:
                self._lying = _Lying(view.key)
        self.lessons.view(view)

    def taught(self, embedding: FloatArray) -> Provisional | None:
        """The taught kind that a stone is like, if one is."""
        return self.lessons.match(embedding)

    def problem(self) -> str:
        """Why stones are not recorded now; empty when all is well."""
        return self._recorder.problem if self._recorder else ""

    @property
    def revision(self) -> int:
        """Grows with each stone, correction, lesson and forgetting that was written."""
        return self._revision.number

    def corrected(self, key: str) -> str:
        """What the stone on the tray, or the last one, was corrected to; empty where it was not."""
        lying = self._lying
        return lying.label if key == lying.key else ""

    def correct(self, key: str, label: str, note: str = "") -> None:
        """Keep what an operator says that a stone is, in the spelling of `known_label`.

        That of the stone on the tray is written when the stone is. If the record breaks down in
        between, the recorder's `problem` on the screen tells of it.

        Raises:
            SettingsError: the label is empty or too long, the note is too long.
            NotNowError: nothing is kept in this run.
            UnknownStoneError: there is no such stone, neither on the tray nor in the record.
            StorageError, RecordError: it is not kept.
        """
        kept_somewhere(self._recorder)
        label, note = self.known_label(label), clean_note(note)
        with self._lock:
            lying = self._lying
            if key == lying.key and not lying.kept:
                if problem := self.problem():  # else it would be lost with its stone
                    raise StorageError(problem)
                lying.label, lying.note = label, note
                return
            job = self._write(key, label, note, leave=FOR_STONES)
        wait_for(job)
        if key == lying.key:
            lying.label = label

    def _write(self, key: str, label: str, note: str, *, leave: int) -> Future[None]:
        job = kept_somewhere(self._recorder).correct(key, label, note, leave=leave)
        self._revision.count(job)
        return job

    def labels(self) -> list[str]:
        """Names to pick from: the bundle's, then taught ones, then those of past corrections.

        Raises:
            RecordError: the record is damaged.
        """
        taught, past = self._used()
        return distinct((*self._labels, *taught, *past[:MOST_PAST]))

    def known_label(self, text: str) -> str:
        """A label as it is kept: in the spelling that is known, where it is known at all.

        Raises:
            SettingsError: it is empty or too long.
            RecordError: the record is damaged.
        """
        label = clean_label(text)
        if label in self._labels:
            return label
        taught, past = self._used()
        return known_as(label, distinct((*self._labels, *taught, *past)))

    def _used(self) -> tuple[list[str], list[str]]:
        """Names that were taught, with any bundle, and those of corrections."""
        lying = [self._lying.label] if self._lying.label else []
        if self.folder is None or not (self.folder / DATABASE).is_file():
            return [], lying
        with RecordReader(self.folder) as reader:
            return reader.taught_labels(), [*reader.correction_labels(), *lying]


def _tell_trouble(job: Future[None]) -> None:
    if error := job.exception():
        log.warning("a correction is not kept: %s", error)


@contextmanager
def open_desk(rig: Rig, chosen: str | None, *, passing: bool = False) -> Iterator[Desk]:
    """The desk of a run. For the other arguments see `folder_to_keep_in`.

    Raises:
        SettingsError: this user has no home folder to keep stones in.
    """
    about = rig.bundle.network_digest, rig.bundle.labels
    with folder_to_keep_in(chosen, rig.source, live=rig.feed.live, passing=passing) as folder:
        if folder is None:
            yield Desk(None, None, None, *about)
            return
        with Recorder(folder) as recorder:
            keeper = Keeper(recorder, rig.bundle, rig.backend, rig.light)
            yield Desk(keeper, recorder, folder, *about)
