"""Where the record of scanned stones lies."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.errors import SettingsError

DATABASE = "stones.db"
PICTURES = "pictures"
LOCK = "lock"


def record_folder(chosen: Path | None = None) -> Path:
    """The record's folder: the one chosen, else GEMSCAN_RECORD, else the user's data folder.

    Raises:
        SettingsError: this user has no home folder, as some system services.
    """
    if chosen is not None:
        return chosen.absolute()
    if named := os.environ.get("GEMSCAN_RECORD"):
        return Path(named).absolute()
    base = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(base):  # noqa: PTH117  XDG: a relative one is to be ignored
        base = str(_home() / ".local" / "share")
    return Path(base) / "gemscan"


def _home() -> Path:
    try:
        home = Path.home()
    except RuntimeError:  # neither $HOME nor an entry for this user
        home = Path("/")
    if home == Path("/"):
        raise SettingsError(
            "this user has no home folder to keep the record of stones in. "
            "Set GEMSCAN_RECORD to a folder that it may write."
        )
    return home
