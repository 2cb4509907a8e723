"""What is kept of one stone."""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from deploy.arrays import FloatArray
from deploy.decision import Verdict
from deploy.errors import SettingsError

TAUGHT = "taught"  # a kind of verdict beside those of `deploy.decision`
LONGEST_LABEL, LONGEST_NOTE = 100, 1000  # characters

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_KEY = re.compile(r"[0-9a-f]{16}")


def utc_now() -> str:
    """The time as the record writes it: UTC, ISO 8601, milliseconds."""
    return utc_text(datetime.now(timezone.utc))


def utc_text(moment: datetime) -> str:
    """A moment (with a time zone) as the record writes it; such texts sort by time."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def utc_ago(seconds: float) -> str:
    """The time so many seconds ago, for a moment that was taken from another clock."""
    return utc_text(datetime.now(timezone.utc) - timedelta(seconds=seconds))


def new_key() -> str:
    """What a stone is known by before it is written: 16 random hexadecimal digits."""
    return secrets.token_hex(8)


def is_key(text: str) -> bool:
    """Whether it is written as `new_key` does."""
    return _KEY.fullmatch(text) is not None


@dataclass(frozen=True)
class Setup:
    """What looked at the stones of one run.

    engine_digest: SHA-256 of a TensorRT engine; empty where the backend has none.
    camera: its identity, as its profile is found by.
    profile_at: when the camera's profile was measured; empty without one.
    """

    bundle_name: str
    bundle_version: str
    bundle_digest: str
    backend: str
    precision: str
    camera: str
    engine_digest: str = ""
    profile_at: str = ""


@dataclass(frozen=True)
class Provisional:
    """A name from taught stones (`edge_app/record/taught.py`), and the cosine that it rests on."""

    label: str
    similarity: float


@dataclass(frozen=True)
class Stone:
    """One stone on the tray, from when it lay still to when it was lifted.

    Times are UTC texts as of `utc_now`, by the machine's clock, which may be set back between
    them; `seconds` is by a clock that cannot.

    verdict: the last one; its candidates are the short list.
    laid_at, lifted_at: when it lay still, when it was gone; the latter is empty where the run
        ended first.
    seconds: from lying still to the first verdict.
    frames: how many were classified.
    camera_state: what the camera was in when the verdict was made.
    familiarity: as of `deploy.familiarity`; None where the bundle cannot tell.
    embedding: (2048,) of the best frame; kept as float16. None where it is not kept.
    provisional: what the stone was called after taught ones; None where nothing taught matched.
    """

    verdict: Verdict
    laid_at: str
    lifted_at: str
    seconds: float
    setup: Setup
    frames: int = 1
    camera_state: str = "live"
    familiarity: float | None = None
    embedding: FloatArray | None = None
    provisional: Provisional | None = None
    key: str = field(default_factory=new_key)

    def __post_init__(self) -> None:
        if not is_key(self.key):
            raise ValueError(f"a key is 16 hexadecimal digits, not {self.key!r}")
        for text in (self.laid_at, self.lifted_at or self.laid_at):
            if not _TIME.fullmatch(text):
                raise ValueError(f"a time is written as by `utc_now`, not {text!r}")

    @property
    def kind(self) -> str:
        """ "name", "list", "refer" or "taught"."""
        return TAUGHT if self.provisional else self.verdict.kind

    @property
    def names(self) -> tuple[str, ...]:
        """What the stone was called: one label, those of a list, or none."""
        if self.provisional:
            return (self.provisional.label,)
        return self.verdict.meant


@dataclass(frozen=True)
class Correction:
    """What an operator says that a stone is. The last one of a stone counts."""

    label: str
    note: str
    corrected_at: str


@dataclass(frozen=True)
class Entry:
    """A stone as it is read back, without its embedding.

    has_pictures, has_thumbnail: its frame and crop, or its thumbnail, are still kept.
    """

    id: int
    stone: Stone
    correction: Correction | None
    has_pictures: bool
    has_thumbnail: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What the stone is by all that is known: the correction, else what it was called."""
        return (self.correction.label,) if self.correction else self.stone.names


@dataclass(frozen=True)
class TaughtView:
    """One view of a stone that an operator taught.

    key: 16 hexadecimal digits.
    network_digest: of the bundle that the embedding is of; another network's are not comparable.
    embedding: (2048,) float32.
    """

    key: str
    label: str
    network_digest: str
    embedding: FloatArray


def clean_label(text: str) -> str:
    """A label as it is kept: one line, without blanks around it, composed (Unicode NFC).

    Raises:
        SettingsError: nothing is left, it is too long, or it is no text.
    """
    label = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(label) <= LONGEST_LABEL:
        raise SettingsError(f"a stone's name has 1 to {LONGEST_LABEL} characters, not {len(label)}")
    return _encodable(label)


def clean_note(text: str) -> str:
    """A note as it is kept.

    Raises:
        SettingsError: it is too long, or no text.
    """
    if len(text) > LONGEST_NOTE:
        raise SettingsError(f"a note has {LONGEST_NOTE} characters at most, not {len(text)}")
    return _encodable(text)


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as exc:  # half of a character, as from a broken form
        raise SettingsError(f"{text!a} is no whole text. Type it again.") from exc
    if "\0" in text:
        raise SettingsError(f"{text!a} holds a zero character. Type it again.")
    return text
