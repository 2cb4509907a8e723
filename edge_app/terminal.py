"""Lines for a terminal, from a program that goes on where nobody can read them."""

from __future__ import annotations

import logging
import sys

log = logging.getLogger(__name__)


def printable(text: str) -> str:
    """Without what would move a terminal's cursor or change its colours."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def say(line: str) -> None:
    """Print one line at once: a full disk or a closed pipe behind it stops no scanner."""
    coding = sys.stdout.encoding or "utf-8"
    try:
        print(printable(line).encode(coding, "backslashreplace").decode(coding), flush=True)
    except (OSError, ValueError) as exc:  # ValueError: it was closed
        log.debug("a line cannot be printed: %s", exc)
