"""A run's folder: what lies in it, how a new one is opened, and what a resumed one goes on with.

`settings.json` is the last file of an opening and `state.pt` the last of a save. So a folder with
settings can be resumed, and what the state calls done lies on the disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.arrays import Json
from deploy.errors import SettingsError
from deploy.files import read_json, storage_errors, write_json
from deploy.lock import sole_holder
from deploy.settings import from_mapping
from train.settings import TrainSettings

SETTINGS, SPLIT, HISTORY = "settings.json", "split.json", "history.json"
OUTCOME, EVENTS, ENLARGED = "outcome.json", "tensorboard", "pictures"
STATE, BEST, LAST = "state.pt", "best.pt", "last.pt"
LOCK = "lock"

LATER_SETTINGS = ("framing", "mixup", "precision", "teachers", "teacher_share", "shown_px")
BEFORE = TrainSettings(framing="centre")  # what was done before there was a choice


@dataclass(frozen=True)
class RunRecord:
    """`settings.json`: what a run was started with.

    data, extra, split: absolute paths; `split` is that of the earlier run that is followed.
    classes: the labels in order; empty takes the folders of `data` by name.
    """

    settings: TrainSettings
    data: str
    extra: str | None = None
    split: str | None = None
    classes: tuple[str, ...] = ()


@contextmanager
def sole_trainer(run: Path) -> Iterator[None]:
    """Hold a run's folder while it is trained into: two that save by turns leave neither's run.

    Raises:
        SettingsError: another process trains into it.
        StorageError: the folder cannot be made, or not be written to.
    """
    with storage_errors(run):
        run.mkdir(parents=True, exist_ok=True)
    with sole_holder(run / LOCK, SettingsError, "Wait until it ends, or choose another --out."):
        yield


def check_new(run: Path) -> None:
    """See that a new run can be written here, before pictures are read for it.

    Raises:
        SettingsError: the folder holds a run.
        StorageError: the folder cannot be made, or not be written to.
    """
    if (run / SETTINGS).exists():
        raise SettingsError(f"{run} holds a run. Add --resume, or choose another --out.")
    with storage_errors(run):
        run.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=run).close()


def open_new(run: Path, record: RunRecord, split: Json) -> None:
    """Write how a run starts: its split, then its settings.

    Raises:
        StorageError: no space, or no permission.
    """
    write_json(run / SPLIT, split)
    write_json(run / SETTINGS, asdict(record))


def read_record(run: Path) -> RunRecord:
    """What a run was started with.

    Raises:
        SettingsError: there is no run, or its settings are not whole.
    """
    path = run / SETTINGS
    saved = read_json(path, SettingsError, f"{run} is no run that could go on: begin a new one.")
    return from_mapping(RunRecord, _with_later_settings(saved), where=str(path))


def told(settings: Json) -> Json:
    """Settings as they travel: files and bundles by name, for the machine's folders stay behind."""
    teachers = [Path(source).name for source in settings.get("teachers", ())]
    return settings | {"weights": Path(settings["weights"]).name, "teachers": teachers}


def _with_later_settings(saved: Any) -> Any:
    """A run of an earlier version says nothing of what came later."""
    if isinstance(saved, dict) and isinstance(saved.get("settings"), dict):
        later = {name: getattr(BEFORE, name) for name in LATER_SETTINGS}
        return saved | {"settings": later | saved["settings"]}
    return saved
