"""What a run's folder says to a reader: as much as there is, of an old run or one under way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.arrays import Json
from deploy.errors import DataError
from deploy.files import read_json
from train.run.environment import read_environment
from train.run.folder import HISTORY, OUTCOME, SETTINGS, SPLIT


@dataclass(frozen=True)
class RunFiles:
    """A run, read for its report.

    record: `settings.json`, whose "settings" are those of training.
    split: `split.json`.
    history: `history.json`; empty before the first save.
    outcome: `outcome.json`, or an empty mapping where the run wrote none.
    environment: `environment.json`; empty for runs of an earlier version.
    """

    folder: Path
    record: Json
    split: Json
    history: list[Json]
    outcome: Json
    environment: list[Json]

    @property
    def settings(self) -> Json:
        """What the run was started with."""
        settings: Json = self.record["settings"]
        return settings

    @property
    def epochs(self) -> int:
        """How many epochs were asked for."""
        return int(self.settings["epochs"])

    @property
    def labels(self) -> list[str]:
        """The classes in order."""
        labels: list[str] = self.split["labels"]
        return labels


def read_run(folder: Path) -> RunFiles:
    """Read what lies in a run's folder.

    Raises:
        DataError: there is no run, or its settings or its split are not whole.
    """
    files = RunFiles(
        folder,
        record=_required(folder, SETTINGS),
        split=_required(folder, SPLIT),
        history=_read(folder / HISTORY, []),
        outcome=_read(folder / OUTCOME, {}),
        environment=read_environment(folder),
    )
    try:
        _ = files.epochs, files.labels, files.split["training"], files.split["validation"]
    except (KeyError, TypeError, ValueError) as exc:
        raise DataError(f"{folder} does not hold a run of gemscan train ({exc!r}).") from exc
    return files


def _required(folder: Path, name: str) -> Any:
    found = _read(folder / name, None)
    if not isinstance(found, dict):
        raise DataError(
            f"{folder} holds no run: {name} is not there, or not whole. Give the folder that "
            "gemscan train --out wrote."
        )
    return found


def _read(path: Path, otherwise: Any) -> Any:
    return read_json(path, DataError) if path.exists() else otherwise
