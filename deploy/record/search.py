"""Finding stones by a text, in upper or lower case, in any script.

SQLite's LIKE knows the case of ASCII alone, and takes `%` and `_` for more than themselves.
"""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from functools import lru_cache

from deploy.decision import LIST, NAME

# Conditions for a row of `stones`: what it was called, by the index `stones_names` …
SAID = "said(kind, listed, taught_label, candidates)"
# … and which ones were corrected to, or noted as, what is looked for. The last correction counts.
CORRECTED = """
    SELECT stone_id FROM corrections WHERE (has(label) OR has(note))
        AND id IN (SELECT max(id) FROM corrections GROUP BY stone_id)
"""


def add_search(connection: sqlite3.Connection, text: str) -> None:
    """Let a connection's queries look for a text with `SAID` and `CORRECTED`."""
    wanted = fold(text)

    @lru_cache(maxsize=1000)  # there are few names, and many stones
    def has(value: str) -> bool:
        return wanted in fold(value)

    def said(kind: str, listed: int, taught_label: str | None, candidates: str) -> bool:
        if taught_label is not None:
            return has(taught_label)
        named = {NAME: 1, LIST: listed}.get(kind, 0)
        nowhere = "\\" not in candidates and wanted not in candidates.casefold()
        if not named or nowhere:  # most rows end here, unread: JSON without escapes is plain text
            return False
        return any(has(str(label)) for label, _ in json.loads(candidates)[:named])

    connection.create_function("has", 1, has, deterministic=True)
    connection.create_function("said", 4, said, deterministic=True)


def fold(text: str) -> str:
    """A text without the difference of cases, and composed (Unicode NFC)."""
    return unicodedata.normalize("NFC", text.casefold())
