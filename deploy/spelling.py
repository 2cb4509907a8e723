"""One name, however it was typed: which of the names that are known is meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def name_key(name: str) -> str:
    """Equal for names that differ in case, in blanks or in Unicode's form alone.

    Source: the Unicode Standard, D146, "compatibility caseless match".
    """
    folded = unicodedata.normalize("NFD", name).casefold()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
    return " ".join(folded.split())


def known_as(name: str, known: Iterable[str]) -> str:
    """The name among `known` that is meant, `name` itself before another one; else `name`."""
    wanted = name_key(name)
    alike = [other for other in known if name_key(other) == wanted]
    return name if name in alike else next(iter(alike), name)


def places(names: Sequence[str], known: Sequence[str]) -> dict[int, int]:
    """By the place of each of `names` that is known, its place among `known`."""
    meant = [known_as(name, known) for name in names]
    return {place: known.index(name) for place, name in enumerate(meant) if name in known}


def distinct(names: Iterable[str]) -> list[str]:
    """Names in their order, each in the spelling that comes first."""
    spelt: dict[str, str] = {}
    for name in names:
        spelt.setdefault(name_key(name), name)
    return list(spelt.values())
