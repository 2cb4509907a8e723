"""Putting pictures aside, and back. Nothing is deleted, and nothing is written over."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from deploy.errors import DataError
from deploy.files import reading_errors, storage_errors

UNDO = "undo.jsonl"


@dataclass(frozen=True)
class Moved:
    """How many pictures were moved, and which were not, each with the reason."""

    done: int
    left: tuple[str, ...]


@dataclass(frozen=True)
class _Move:
    """A line of the undo list; paths with "/", relative to the folder and to the quarantine.

    folder: where it came from; empty in a list of before this was written.
    """

    picture: str
    kept_as: str
    folder: str = ""

    def is_of(self, folder: Path) -> bool:
        """Whether it came from this folder, or from one that was renamed or is gone since."""
        return self.folder in ("", str(folder.resolve())) or not os.path.lexists(self.folder)


def default_quarantine(folder: Path) -> Path:
    """Beside the folder: inside it would be taken for a class."""
    whole = folder.resolve()
    return whole.with_name(whole.name + "-quarantine")


def read_list(path: Path) -> list[str]:
    """The agreed pictures, a path relative to the folder a line; "#" begins a comment line.

    Raises:
        DataError: not readable, empty, or no such list.
    """
    with reading_errors(path, DataError):
        text = os.fsdecode(path.read_bytes()).removeprefix("\ufeff")
    if "\0" in text:  # UTF-16, as some editors save it; or a picture
        raise DataError(f"{path} is no list of pictures in UTF-8. Save it as UTF-8 text.")
    lines = [line.strip("\r") for line in text.split("\n")]
    names = [line for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise DataError(f"{path} names no picture. Write a path relative to the folder a line.")
    return list(dict.fromkeys(names))


def put_aside(folder: Path, names: Sequence[str], quarantine: Path) -> Moved:
    """Move pictures from the folder into the quarantine, under the same relative paths.

    The undo list is written, and is on the disk, before each move: a process that is killed
    loses nothing, and the same command goes on.

    Raises:
        DataError: a path leads out of the folder, or is not one of a file; nothing is moved then.
            Or the quarantine lies where its pictures would be a class.
        StorageError: the quarantine cannot be written to.
    """
    _refuse_place(folder, quarantine)
    for name in names:
        _refuse_name(folder, name)
    names = list(dict.fromkeys(Path(name).as_posix() for name in names))  # "./a.jpg" is "a.jpg"
    why = {name: _why_left(folder, name) for name in names}
    if not any(os.path.lexists(folder / name) for name in names):
        raise DataError(f"{folder} holds none of the {len(names)} pictures of the list.")
    with storage_errors(quarantine):
        quarantine.mkdir(parents=True, exist_ok=True)
        for name in names:
            why[name] = why[name] or _set_aside(folder, name, quarantine)
    left = tuple(f"{name} {reason}" for name, reason in why.items() if reason)
    return Moved(len(names) - len(left), left)


def _why_left(folder: Path, name: str) -> str:
    """Why a picture cannot be moved; empty where it can."""
    if not os.path.lexists(folder / name):
        return "is not there"
    if _is_linked(folder, name):
        return "lies in a folder that is only linked here: check the folder that the link leads to"
    return ""


def _set_aside(folder: Path, name: str, quarantine: Path) -> str:
    """Move a picture, the undo list first; why it was not moved, else empty."""
    kept = _free_place(quarantine, name)
    kept_as = kept.relative_to(quarantine).as_posix()
    _write_down(quarantine, _Move(name, kept_as, str(folder.resolve())))
    return _move(folder / name, kept)


def put_back(folder: Path, quarantine: Path) -> Moved:
    """Move every picture of a quarantine to where it was, the last moved first.

    Raises:
        DataError: there is no undo list, or it leads out of the folder or of the quarantine.
    """
    moves = _read_moves(quarantine)
    for move in moves:
        _refuse_way(folder, move.picture)
        _refuse_way(quarantine, move.kept_as)
    done, left = 0, []
    for move in reversed(moves):
        if not os.path.lexists(quarantine / move.kept_as):
            continue  # put back before, or the move never began
        if reason := _put_back(folder, quarantine, move):
            left.append(f"{move.picture} stays in the quarantine: {reason}")
        else:
            done += 1
    return Moved(done, tuple(left))


def _put_back(folder: Path, quarantine: Path, move: _Move) -> str:
    """Move a picture back; why it was not moved, else empty."""
    if not move.is_of(folder):
        return f"it came from {move.folder}"
    if os.path.lexists(folder / move.picture):
        return "another one has its place"
    return _move(quarantine / move.kept_as, folder / move.picture)


def _refuse_place(folder: Path, quarantine: Path) -> None:
    """Not in the folder, where it would be a class; hidden folders are none."""
    whole, place = folder.resolve(), quarantine.resolve()
    if place != whole and whole not in place.parents:
        return
    if place == whole or not place.relative_to(whole).parts[0].startswith("."):
        raise DataError(
            f"{quarantine} lies in {folder}, where it would be a class. Choose a place beside it."
        )


def _refuse_name(folder: Path, name: str) -> None:
    """A path must lead to a file, and be relative to the folder."""
    way = Path(name)
    if way.is_absolute() or ".." in way.parts or not way.parts:
        raise DataError(f"{name} leads out of {folder}. Give paths relative to it.")
    with reading_errors(folder, DataError):  # a name may be longer than any file's
        if (folder / way).is_dir():
            raise DataError(f"{name} is a folder in {folder}. Give pictures, one a line.")


def _refuse_way(folder: Path, name: str) -> None:
    """The same, and no link leads elsewhere on the way."""
    _refuse_name(folder, name)
    if _is_linked(folder, name):
        raise DataError(f"{name} leads out of {folder}. Give paths relative to it.")


def _is_linked(folder: Path, name: str) -> bool:
    place = folder / name
    return folder.resolve() not in (place.parent.resolve() / place.name).parents


def _free_place(quarantine: Path, name: str) -> Path:
    """The same relative path; where that is taken, with the first number that is not."""
    place = quarantine / name
    others: Iterator[Path] = (place.with_stem(f"{place.stem} ({n})") for n in count(2))
    while os.path.lexists(place) or place == quarantine / UNDO:
        place = next(others)
    return place


def _write_down(quarantine: Path, move: _Move) -> None:
    line = json.dumps(asdict(move)) + "\n"
    with (quarantine / UNDO).open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a process was killed while it wrote the line
                line = "\n" + line
        file.write(line.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())


def _read_moves(quarantine: Path) -> list[_Move]:
    with reading_errors(quarantine / UNDO, DataError):
        lines = (quarantine / UNDO).read_bytes().split(b"\n")
    moves = []
    for line in lines:
        try:
            said = json.loads(line)
            names = (str(said["picture"]), str(said["kept_as"]), str(said.get("folder", "")))
            moves.append(_Move(*names))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # the end of a line that was cut off: its move never began
    return moves


def _move(source: Path, place: Path) -> str:
    """Rename a picture; why it could not be done, else empty."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        source.rename(place)
    except OSError as exc:
        if exc.errno == errno.EXDEV:
            return f"cannot be moved to another disk: {place.parent}"
        return f"cannot be moved: {exc.strerror or exc}"
    return ""
