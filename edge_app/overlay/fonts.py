"""Which of the machine's fonts draws which part of a text, in any script."""

from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import ImageFont, features

from deploy.home import home_folder

log = logging.getLogger(__name__)

# Where Debian, Ubuntu, Raspberry Pi OS, JetPack, macOS and Windows keep fonts.
USERS_FOLDERS = (".local/share/fonts", ".fonts")
FOLDERS = (
    "/usr/local/share/fonts",
    "/usr/share/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)
BUILT_IN = ""
_PROBE_PX = 24
SUFFIXES = (".ttf", ".otf", ".ttc")
PLAIN_FILES = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf")
UNLIKE_PLAIN = ("bold", "italic", "oblique", "light", "thin", "medium", "black", "cond", "mono",
                "serif", "looped", "display")  # fmt: skip
# How the names of East Asian characters begin, and parts of the names of files that have them.
EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO",
              "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH")  # fmt: skip
EAST_ASIAN_FILES = ("cjk", "wqy", "droidsansfallback", "uming", "ipa", "takao", "vlgothic", "nanum")

_said: set[str] = set()  # what the log was told already
_searched: set[str] = set()  # scripts for which every font was looked through in vain


@lru_cache(maxsize=512)
def runs(text: str) -> tuple[tuple[str, str], ...]:
    """A text cut into parts of one font each, from left to right.

    What no font has becomes its plain form, an e for an é, or keeps the box that stands for it.

    Returns:
        Fonts, as `font` takes them, with their parts; empty on a machine without any font.
    """
    text = "".join(" " if letter.isspace() or is_control(letter) else letter for letter in text)
    if not _plain_fonts():
        return ()
    base = max(_plain_fonts(), key=lambda face: sum(has_letter(face, each) for each in set(text)))
    parts = [(base, "")]
    for cluster in _clusters(text):
        face, drawn = _drawn_with(cluster, parts[-1][0], base)
        if face == parts[-1][0]:
            parts[-1] = face, parts[-1][1] + drawn
        else:
            parts.append((face, drawn))
    parts = [part for part in parts if part[1]] or parts
    return tuple(parts[::-1] if _reads_from_the_right(text) else parts)


@lru_cache(maxsize=128)
def font(face: str, size_px: int) -> Any:
    """Pillow's font of a file, or its own of none; None where that cannot be had."""
    try:
        if face == BUILT_IN:
            return ImageFont.load_default(size_px)
        return ImageFont.truetype(face, size_px)
    except (OSError, ImportError, TypeError):
        # damaged, of one other size only; a Pillow without FreeType; one before 10.1
        return None


def is_dense(text: str) -> bool:
    """Whether it has letters of so many strokes that thicker ones would run together."""
    return any(_script(letter) in EAST_ASIAN for letter in text)


def joins(letter: str) -> bool:
    """Whether a character belongs to the one before it: a mark above it, an invisible joiner."""
    return unicodedata.category(letter) in ("Mn", "Mc", "Me", "Cf")


def is_control(letter: str) -> bool:
    """A character that moves a printer's head."""
    return unicodedata.category(letter) == "Cc"


def folded(text: str) -> str:
    """The nearest ASCII: accents dropped, what is left over as a question mark."""
    apart = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return plain.encode("ascii", "replace").decode()


def _clusters(text: str) -> Iterator[str]:
    """Characters, each with what joins it."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not joins(text[end]):
            yield text[start:end]
            start = end


def _drawn_with(cluster: str, current: str, base: str) -> tuple[str, str]:
    """The font for a character, and what to draw. Blanks and dashes go with those before them."""
    first, second = (base, current) if cluster[0].isalnum() else (current, base)
    for face in (first, second, *_plain_fonts()):
        if all(has_letter(face, letter) for letter in cluster):
            return face, cluster
    if found := _file_with(cluster[0]):
        return found, cluster
    plain = folded(cluster)
    if "?" not in plain:
        return base, plain
    _say_what_is_missing(cluster)
    return base, cluster


@lru_cache(maxsize=4096)
def has_letter(face: str, letter: str) -> bool:
    """Whether a font can draw a letter."""
    opened = font(face, _PROBE_PX)
    return opened is not None and _draws(opened, letter)


def _draws(pillow_font: Any, letter: str) -> bool:
    """A font draws the same box for every letter it lacks, as it does for U+FFFF."""
    if letter.isspace() or unicodedata.category(letter) == "Cf":
        return True
    try:
        drawn, lacking = pillow_font.getmask(letter), pillow_font.getmask("\uffff")
    except OSError:  # a damaged file
        return False
    return drawn.size != lacking.size or bytes(drawn) != bytes(lacking)


@lru_cache(maxsize=1)
def _plain_fonts() -> tuple[str, ...]:
    """Pillow's own font, which has little beside ASCII, and those that have most of Europe's."""
    named = {path.name: str(path) for path in font_files()}
    faces = [BUILT_IN, *(named[name] for name in PLAIN_FILES if name in named)]
    return tuple(face for face in faces if font(face, _PROBE_PX) is not None)


@lru_cache(maxsize=1)
def font_files() -> tuple[Path, ...]:
    """The font files on this machine, in the order of their names."""
    data = os.environ.get("XDG_DATA_DIRS", "").split(":")
    home = home_folder()
    folders = [home / folder for folder in USERS_FOLDERS] if home else []
    folders += [Path(folder) for folder in FOLDERS]
    folders += [Path(folder, "fonts") for folder in data if folder]
    found = {
        Path(root, name)
        for folder in folders
        for root, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(SUFFIXES)
    }
    return tuple(sorted(found))


@lru_cache(maxsize=4096)
def _file_with(letter: str) -> str:
    """The font file that draws a letter best; empty where none does.

    Looking through all of them takes a tenth of a second, so it is done once for each script.
    """
    script = _script(letter)
    likely = sorted(filter(_named_after(script), font_files()), key=_plainness)
    rest = [] if script in _searched else sorted(font_files(), key=_plainness)
    for path in likely + rest:
        opened = font.__wrapped__(str(path), _PROBE_PX)  # not to be kept, if it has it not
        if opened is not None and _draws(opened, letter):
            return str(path)
    _searched.add(script)
    return ""


def _script(letter: str) -> str:
    """ "THAI" of "THAI CHARACTER RO RUA"."""
    return unicodedata.name(letter, "").partition(" ")[0]


def _named_after(script: str) -> Callable[[Path], bool]:
    parts = EAST_ASIAN_FILES if script in EAST_ASIAN else (script.lower(),)
    return lambda path: bool(script) and any(part in path.name.lower() for part in parts)


def _plainness(path: Path) -> tuple[int, bool, str]:
    name = path.name.lower()
    return sum(word in name for word in UNLIKE_PLAIN), not name.startswith("noto"), name


def _reads_from_the_right(text: str) -> bool:
    """By the first letter that has a direction, as Unicode's rule P2 says (UAX #9)."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    from_right = next((kind != "L" for kind in kinds if kind in ("L", "R", "AL")), False)
    if from_right and not features.check("raqm"):
        _say(
            "this machine's Pillow cannot draw text that reads from the right (it has no raqm). "
            "To mend it: sudo apt install libraqm0 libfribidi0, or pip install --upgrade pillow"
        )
    return from_right


def _say_what_is_missing(cluster: str) -> None:
    script = _script(cluster[0])
    package = "fonts-noto-cjk" if script in EAST_ASIAN else "fonts-noto-core"
    _say(
        "no font on this machine has such letters as “%s” (%s): boxes stand for them. "
        "To mend it: sudo apt install %s",
        *(cluster, unicodedata.name(cluster[0], "unnamed"), package),
    )


def _say(message: str, *words: str) -> None:
    """Once for each message and package: a label is drawn many times."""
    if (key := message + "".join(words[-1:])) not in _said:
        _said.add(key)
        log.warning(message, *words)
