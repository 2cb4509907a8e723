"""A written page, taken apart: what a test asks of it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "wbr", "hr", "input"}
SHAPES = {"line", "ellipse", "path", "rect", "circle", "use"}


class Page(HTMLParser):
    """Tags, tables as rows of words, links, sections, and whether every tag is closed.

    tables: by caption, the rows with the header row first.
    loads: every address that the page would fetch or follow.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.html = path.read_text(encoding="utf-8")
        self.tables: dict[str, list[list[str]]] = {}
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.images = 0
        self.words: list[str] = []
        self.unlabelled_drawings = 0
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(self.html)
        self.close()
        assert self._open == []

    @property
    def text(self) -> str:
        """Everything that a reader reads, in one line."""
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    def table(self, caption: str) -> list[list[str]]:
        """The table whose caption begins so."""
        return next(rows for name, rows in self.tables.items() if name.startswith(caption))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        said = {name: value or "" for name, value in attrs}
        self.loads += [said[name] for name in ("src", "href", "xlink:href") if name in said]
        self.ids += [said["id"]] if "id" in said and "svg" not in self._open else []
        self.images += tag == "img"
        if tag == "svg" and not (said.get("aria-label") or said.get("aria-hidden")):
            self.unlabelled_drawings += 1
        if tag == "table":
            self._rows = []
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        if tag == "caption":
            self._caption = ""
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "table":
            self.tables[self._caption.strip()] = self._rows

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "style":
            return
        self.words.append(data)
        if inside == "caption":
            self._caption += data
        elif {"td", "th"} & set(self._open) and self._rows:
            self._rows[-1][-1] += data.strip().replace("\u00a0", " ")
