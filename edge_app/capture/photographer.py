"""Who decides, picture by picture, what is kept: between the loop, the page and the disk."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import TimeoutError
from contextlib import ExitStack

from deploy.arrays import ByteArray, Json
from deploy.errors import SettingsError, StorageError
from deploy.locate import Stone
from edge_app.capture.album import Album, Kept
from edge_app.capture.folder import TrainingFolder
from edge_app.capture.hold import HeldButton
from edge_app.capture.judge import Judge
from edge_app.capture.likeness import KeptPictures, Signature, signature
from edge_app.capture.reader import FolderReader
from edge_app.capture.refusal import Refusal

PATIENCE_S = 10.0  # with the disk
INTERVAL_S = 0.2  # at most five pictures a second: a stone is not turned faster than that


class Photographer:
    """Takes pictures while the button is held; a context manager around its threads.

    The loop calls `see` and `miss`, any other thread the rest.
    """

    def __init__(
        self, folder: TrainingFolder, *, tray: bool, button: HeldButton | None = None
    ) -> None:
        """Nothing is written before it is entered.

        Args:
            tray: a camera over a tray, see `Judge`.
            button: with a clock of its own, for a test.

        Raises:
            DataError: the folder cannot be read.
        """
        self.chosen = ""
        self._folder = folder
        self._button = button or HeldButton()
        self._judge = Judge(tray=tray)
        self._seen = KeptPictures()
        self._album = Album(folder, self._seen)
        self._reader = FolderReader(folder.pictures(), self._seen)
        self._cleanup = ExitStack()
        self._looked_s = float("-inf")
        self._now: tuple[str, str] = ("", "")  # the reason why this picture is not kept, and more
        self._stone: Stone | None = None
        self._refused: Counter[str] = Counter()
        self._choices = 0

    @property
    def recording(self) -> bool:
        """Pictures are being taken."""
        return bool(self.chosen) and self._button.on

    def see(self, image_bgr: ByteArray, at_s: float) -> Stone | None:
        """Take in a live picture, and keep it where it is worth it. Gives where the stone lies.

        Args:
            image_bgr: (H, W, 3) uint8, BGR, in true colours.
            at_s: when it was taken, in seconds.
        """
        self._judge.watch(image_bgr, at_s)
        if self._due(at_s):
            self._look(image_bgr)
        return self._stone

    def miss(self, reason: str, at_s: float) -> None:
        """There is no picture to keep: the camera is black, frozen, lost."""
        self._stone, self._now = None, ("", "")
        if self._due(at_s) and self.recording:
            self._count(reason)

    def _due(self, at_s: float) -> bool:
        if 0 <= at_s - self._looked_s < INTERVAL_S:
            return False
        self._looked_s = at_s
        return True

    def _look(self, image_bgr: ByteArray) -> None:
        judged, seen, label = self._judge.judge(image_bgr), signature(image_bgr), self.chosen
        self._stone = judged.stone
        refusal, more = judged.refusal, judged.refusal.message if judged.refusal else ""
        if refusal is None:
            refusal, more = self._alike(seen, label)
        if self.recording:
            if refusal is None and not self._album.keep(image_bgr, seen, label):
                refusal, more = Refusal.DISK, Refusal.DISK.message
            if refusal is not None:
                self._count(refusal.value)
        self._now = (refusal.value if refusal else "", more)

    def _count(self, reason: str) -> None:
        self._refused = self._refused + Counter([reason])  # a new one, since others read it

    def _alike(self, seen: Signature, label: str) -> tuple[Refusal | None, str]:
        """That it is in another class is the worse fault, and told first."""
        classes = self._seen.classes_like(seen)
        others = sorted(classes - {label})
        if others and label:
            return Refusal.OTHER_CLASS, Refusal.OTHER_CLASS.message.format(others[0])
        return (Refusal.SAME, Refusal.SAME.message) if classes else (None, "")

    def choose(self, text: str) -> str:
        """Choose a class, one more where it is not known; gives its name.

        Raises:
            SettingsError: it cannot be a class.
            DataError: the folder cannot be read.
        """
        self._button.drop()  # what is under way is of the class before
        self.chosen = self._folder.add_class(text)
        self._choices += 1
        return self.chosen

    def hold(self, on: bool, label: str = "") -> None:
        """Say that the button is held, every 300 ms, or that it was let go.

        Args:
            label: the class that was chosen when it was pressed. Where another one was chosen
                since, nothing is held: its pictures would be of the wrong kind. Empty where that
                is not known.

        Raises:
            SettingsError: no class is chosen.
        """
        if on and not self.chosen:
            raise SettingsError("No class is chosen. Choose one first.")
        if not on or label in ("", self.chosen):
            self._button.tell(on)

    def undo(self) -> Kept:
        """Remove the last picture that was kept since the start; waits for the disk.

        Raises:
            NothingKeptError: there is none.
            StorageError: it cannot be removed.
        """
        try:
            return self._album.undo().result(PATIENCE_S)
        except TimeoutError as exc:
            raise StorageError("the disk does not answer. Try again in a moment.") from exc

    def thumbnail(self, number: int) -> bytes | None:
        """A small JPEG of one of the last pictures."""
        return self._album.thumbnail(number)

    @property
    def written(self) -> int:
        """Pictures that were kept since the start, without those that were taken back."""
        return self._album.written

    @property
    def problem(self) -> str:
        """Why pictures are not written now."""
        return self._album.problem

    @property
    def prompt(self) -> str:
        """Why a picture would not be kept now, for the operator; empty where it would."""
        return self._now[1]

    def live_json(self) -> Json:
        """What the page is told with each picture."""
        album, reader = self._album, self._reader
        return {
            "chosen": self.chosen,
            "recording": self.recording,
            "reason": self._now[0],
            "kept": album.written,
            "refused": self._refusals(),
            "unread": reader.total - reader.done,
            "revision": album.revision + self._choices,
        }

    def json(self) -> Json:
        """What the page asks for when something has changed.

        Raises:
            DataError: the folder cannot be read.
        """
        return {
            "folder": self._folder.root.name,
            "classes": [
                {"label": label, "count": len(paths)}
                for label, paths in self._folder.pictures().items()
            ],
            "last": [
                {"number": kept.number, "label": kept.label, "file": kept.path.name}
                for kept in self._album.last()
            ],
            **self.live_json(),
        }

    def _refusals(self) -> dict[str, int]:
        disk = {Refusal.DISK.value: self._album.failed} if self._album.failed else {}
        return dict((self._refused + Counter(disk)).most_common())

    def __enter__(self) -> Photographer:
        with ExitStack() as stack:
            stack.enter_context(self._album)
            stack.enter_context(self._reader)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()
