"""The part of a source's URI after the question mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from deploy.errors import SettingsError

Converter = Callable[[str], Any]


def parse_options(query: str, known: Mapping[str, Converter], where: str) -> dict[str, Any]:
    """Read `name=value&name=value`.

    Args:
        query: without the question mark; may be empty.
        known: how each option's text becomes its value; a ValueError's text is shown.
        where: the whole URI, for messages.

    Raises:
        SettingsError: an option is unknown, without a value, or not of its kind.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as exc:
        raise SettingsError(f"{where}: write options as ?name=value&name=value ({exc}).") from exc
    options = {}
    for name, text in pairs:
        if name not in known:
            raise SettingsError(f"{where}: option “{name}” is not known; {_known(known)}.")
        try:
            options[name] = known[name](text)
        except ValueError as exc:
            raise SettingsError(f"{where}: option “{name}” must be {exc}, not “{text}”.") from exc
    return options


def _known(known: Mapping[str, Converter]) -> str:
    return f"known here: {', '.join(known)}" if known else "none is known here"


def whole(minimum: int) -> Converter:
    """A whole number from `minimum` on."""

    def convert(text: str) -> int:
        if not text.isdecimal() or int(text) < minimum:
            raise ValueError(f"a whole number from {minimum} on")
        return int(text)

    return convert


def rate(text: str) -> float:
    """Frames per second: a number from 0 to 1000."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise ValueError("a rate from 0 to 1000 frames per second")
    return value


def switch(text: str) -> bool:
    """0 or 1."""
    if text not in ("0", "1"):
        raise ValueError("0 or 1")
    return text == "1"
