"""What a page is made of. It says nothing of how it looks: that is the template's."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One number or word of interest, its name, and a line that says how it is meant."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Facts side by side; the most important ones of a page, or of a section."""

    facts: tuple[Fact, ...]
    kind: str = "facts"


@dataclass(frozen=True)
class Span:
    """A part of 1 with its 95 % interval, drawn as a line with a dot, beside another's result."""

    value: float
    low: float
    high: float
    beside: float | None = None

    @property
    def drawn(self) -> bool:
        """Whether there is anything to draw."""
        return all(map(math.isfinite, (self.value, self.low, self.high)))


Cell = str | Span


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    caption: what it shows, in a sentence or a few words.
    columns: a name that begins with "<" is of words, which stand left; numbers stand right.
    rows: as many cells each as there are columns.
    named_by: the number of the column that names the rows.
    foot: rows that sum up.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    foot: tuple[tuple[Cell, ...], ...] = ()
    named_by: int = 0
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """Drawings from `svg.py` side by side, and the sentence below them.

    fits: they shrink with the page; else they keep their size and are scrolled.
    """

    drawings: tuple[str, ...]
    caption: str
    fits: bool = True
    kind: str = "figure"


@dataclass(frozen=True)
class Note:
    """A paragraph. A warning is one that the reader must not miss."""

    text: str
    warning: bool = False
    kind: str = "note"


@dataclass(frozen=True)
class Photograph:
    """One picture of a gallery.

    source: a data URI, or nothing where the file is gone.
    truth: its class. file: where it lies.
    said: labels with their confidence, as words; the first is what was said.
    """

    source: str
    truth: str
    file: str
    said: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Gallery:
    """Photographs side by side."""

    photographs: tuple[Photograph, ...]
    kind: str = "gallery"


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown only when asked for, and the line to ask with."""

    caption: str
    blocks: tuple[Block, ...]
    kind: str = "fold"


Block = Facts | Table | Figure | Note | Gallery | Fold


@dataclass(frozen=True)
class Section:
    """A part of a page, with a name to jump to."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A whole report. `lead` is one line below the title."""

    over: str
    title: str
    lead: str
    headline: Facts
    notes: tuple[Note, ...]
    sections: tuple[Section, ...]


def percent(part: float, digits: int = 1) -> str:
    """A part of 1 as it is read, "83.5 %"; a dash where it does not exist."""
    return f"{100 * part:.{digits}f}\u00a0%" if math.isfinite(part) else "–"


def interval(low: float, high: float) -> str:
    """A 95 % interval as it is read; a dash where it does not exist."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    return f"{100 * low:.1f} – {100 * high:.1f}\u00a0%"


def counted(count: int, thing: str, things: str = "") -> str:
    """A count and its noun: "1 picture", "2,042 pictures"."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"
