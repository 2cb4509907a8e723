"""Lines for a terminal, from a program that goes on where nobody can read them."""

from __future__ import annotations

import logging
import sys
import unicodedata

log = logging.getLogger(__name__)

COMMANDS = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, halves of a character, ends of lines
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Without what would move a terminal's cursor, change its colours or turn its lines around."""
    return "".join("\ufffd" if _commands(c) else c for c in text)


def _commands(character: str) -> bool:
    """Joiners, which Persian and Indic names need, are no commands."""
    return unicodedata.category(character) in COMMANDS or character in DIRECTIONS


def say(line: str) -> None:
    """Print one line at once: a full disk or a closed pipe behind it stops no scanner."""
    if sys.stdout is None:  # it was closed before this program began
        return
    coding = sys.stdout.encoding or "utf-8"
    try:
        print(printable(line).encode(coding, "backslashreplace").decode(coding), flush=True)
    except (OSError, ValueError) as exc:  # ValueError: it was closed
        log.debug("a line cannot be printed: %s", exc)
