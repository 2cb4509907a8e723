"""The record as text: columns for a terminal, CSV, JSON. Each gives whole lines, one by one."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rich.cells import cell_len, set_cell_size

from deploy.record.stones import Entry
from edge_app.record.moments import local_text
from edge_app.terminal import printable

CELLS = 28
# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

CSV_COLUMNS: dict[str, Callable[[Entry], Any]] = {
    "number": lambda e: e.id,
    "laid_at": lambda e: local_text(e.stone.laid_at),
    "lifted_at": lambda e: local_text(e.stone.lifted_at),
    "verdict": lambda e: e.stone.kind,
    "names": lambda e: " or ".join(e.stone.names),
    "confidence": lambda e: _confidence(e),
    "corrected_to": lambda e: e.correction.label if e.correction else "",
    "corrected_at": lambda e: local_text(e.correction.corrected_at) if e.correction else "",
    "note": lambda e: e.correction.note if e.correction else "",
    "short_list": lambda e: "; ".join(
        f"{c.label} {c.confidence:.1%}" for c in e.stone.verdict.candidates
    ),
    "unfamiliar": lambda e: "yes" if e.stone.verdict.unfamiliar else "no",
    "familiarity": lambda e: "" if e.stone.familiarity is None else f"{e.stone.familiarity:.2f}",
    "seconds": lambda e: f"{e.stone.seconds:.2f}",
    "frames": lambda e: e.stone.frames,
    "camera": lambda e: e.stone.setup.camera,
    "camera_state": lambda e: e.stone.camera_state,
    "profile_at": lambda e: e.stone.setup.profile_at,
    "bundle": lambda e: f"{e.stone.setup.bundle_name} {e.stone.setup.bundle_version}",
    "bundle_digest": lambda e: e.stone.setup.bundle_digest,
    "backend": lambda e: f"{e.stone.setup.backend} {e.stone.setup.precision}",
    "engine_digest": lambda e: e.stone.setup.engine_digest,
    "pictures": lambda e: "yes" if e.has_pictures else "no",
    "key": lambda e: e.stone.key,
}


def csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """CSV as of RFC 4180, UTF-8, times local with their offset, one row a stone.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    yield _taken(buffer)
    for entry in entries:
        writer.writerow(_harmless(column(entry)) for column in CSV_COLUMNS.values())
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    line = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return line


def _harmless(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip(" ").startswith(FORMULA):
        return value
    return value if _is_number(value) else f"'{value}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text[-1:].isdigit()


def json_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """One JSON object a line, with all that the record holds beside pictures and embedding."""
    for entry in entries:
        said = dataclasses.asdict(entry)
        del said["stone"]["embedding"]
        said["stone"]["kind"] = entry.stone.kind
        said["stone"]["names"] = entry.stone.names
        yield json.dumps(said) + "\n"


def table_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Columns for a terminal, and how many stones they were."""
    count = referred = corrected = 0
    for entry in entries:
        if not count:
            yield f"{'number':>7}  {'laid down':26}  {'said':{CELLS}}  sure    time  corrected\n"
        count += 1
        referred += entry.stone.kind == "refer"
        corrected += entry.correction is not None
        yield _row(entry)
    if not count:
        yield "no stones\n"
        return
    yield f"stones: {count}, referred: {referred}, corrected: {corrected}\n"


def _row(entry: Entry) -> str:
    stone = entry.stone
    said = " or ".join(stone.names) or (
        "refer (unlike all)" if stone.verdict.unfamiliar else "refer"
    )
    if stone.provisional:
        said += " (taught)"
    right = entry.correction.label if entry.correction else ""
    line = (
        f"{entry.id:7}  {local_text(stone.laid_at):26}  {_cells(said)}  "
        f"{_confidence(entry):>4}  {stone.seconds:4.1f} s  {printable(right)}"
    )
    return line.rstrip() + "\n"


def _confidence(entry: Entry) -> str:
    """Of what was named; a taught stone has a cosine and no confidence."""
    if entry.stone.kind != "name":
        return ""
    return f"{entry.stone.verdict.candidates[0].confidence:.0%}"


def _cells(text: str) -> str:
    """As wide as its column, whatever script it is in."""
    text = printable(text)
    if cell_len(text) > CELLS:
        text = set_cell_size(text, CELLS - 1) + "…"
    return set_cell_size(text, CELLS)
