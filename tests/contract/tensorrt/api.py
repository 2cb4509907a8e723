"""The recorded APIs of all versions, asked by dotted name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent


def load() -> dict[str, dict[str, Any]]:
    """The records by version, oldest first."""
    paths = sorted(FOLDER.glob("*.json"), key=lambda p: [int(n) for n in p.stem.split(".")])
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


RECORDS = load()
VERSIONS = tuple(RECORDS)


def member(version: str, cls: str, name: str) -> Any:
    """The record of a class's member or enum number; None where that version has none."""
    cut = RECORDS[version]["classes"].get(cls)
    if cut is None:
        return None
    if name in cut.get("enum", {}):
        return {"enum": cut["enum"][name]}
    if name in cut["members"]:
        return cut["members"][name]
    return next((f for base in cut.get("bases", ()) if (f := member(version, base, name))), None)


def entry(version: str, dotted: str) -> Any:
    """The record of "Class", "Class.member", "function" or "constant"; None where absent."""
    head, _, rest = dotted.partition(".")
    record = RECORDS[version]
    if rest:
        return member(version, head, rest)
    if head in record["classes"]:
        return record["classes"][head]
    if head in record["functions"]:
        return record["functions"][head]
    return {"is": "other"} if head in record["constants"] or head in record["others"] else None


def versions_with(dotted: str) -> set[str]:
    """The versions that have a name."""
    return {version for version in VERSIONS if entry(version, dotted) is not None}


def lacking(dotted: str) -> list[str]:
    """The versions that do not, oldest first."""
    return [version for version in VERSIONS if entry(version, dotted) is None]


def overloads(version: str, dotted: str) -> list[Any]:
    """The ways of calling a method, a function or a class; [] where it cannot be called."""
    found = entry(version, dotted)
    if isinstance(found, dict):
        found = found.get("init", [])
    return found or []


def result_class(dotted: str) -> str | None:
    """The recorded class that a call or property gives, the same in every version that has it."""
    results = set()
    for version in versions_with(dotted):
        found = entry(version, dotted)
        if isinstance(found, list) and found:
            results.add(found[0]["to"])
        elif isinstance(found, dict):
            results.add(dotted if "members" in found else found.get("type", ""))
    return results.pop() if len(results) == 1 and results <= known_classes() else None


def known_classes() -> set[str]:
    """Every class that any version has and that was recorded whole."""
    return {name for record in RECORDS.values() for name in record["classes"]}


def takes(version: str, dotted: str, positional: int, keywords: Iterable[str]) -> bool:
    """Whether some overload takes that many positional arguments and these keywords."""
    return any(_fits(way["args"], positional, set(keywords)) for way in overloads(version, dotted))


def _fits(parameters: list[list[str]], positional: int, keywords: set[str]) -> bool:
    names = [p[0] for p in parameters]
    needed = {p[0] for p in parameters if len(p) == 2}
    given = set(names[:positional]) | keywords
    clash = keywords & set(names[:positional])
    return positional <= len(names) and not clash and needed <= given and given <= set(names)
