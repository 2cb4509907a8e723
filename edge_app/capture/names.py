"""Names of classes, which are names of folders as well."""

from __future__ import annotations

import re
import unicodedata

from deploy.errors import SettingsError

LONGEST = 100  # characters
LONGEST_BYTES = 180  # file systems take 255, and a picture's name is its class and a time

_REFUSED = frozenset('/\\:*?"<>|')  # a separator on one system or another, or refused by one
# What no file or folder can be called on Windows, whatever its ending.
# Source: "Naming Files, Paths, and Namespaces" of the Win32 documentation.
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?")


def class_name(text: str) -> str:
    """A name that can be a folder's on every system, and leads nowhere else.

    Blanks around it are cut, several of them become one, and letters with accents are written in
    one way (NFC), so that a class has one folder however its name was typed.

    Raises:
        SettingsError: it cannot name a folder; the message says why.
    """
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if problem := _problem(name):
        raise SettingsError(f"{_shown(name)} cannot be the name of a class: {problem}.")
    return name


def _problem(name: str) -> str:
    if not name:
        return "it is empty"
    if len(name) > LONGEST or len(name.encode("utf-8", "replace")) > LONGEST_BYTES:
        return f"it is too long, {LONGEST} letters are the most"
    if not name.isprintable():
        return "it holds a sign that cannot be seen"
    if refused := sorted(set(name) & _REFUSED):
        return f"it holds {' '.join(refused)}"
    if name.startswith("."):
        return "a folder whose name begins with a dot is hidden"
    if name.endswith("."):
        return "some systems drop a dot at the end"
    if _RESERVED.fullmatch(name):
        return "Windows keeps that name for a device"
    return ""


def _shown(name: str) -> str:
    seen = "".join(letter if letter.isprintable() else "�" for letter in name[:40])
    return f"“{seen}”" if seen else "Nothing"
