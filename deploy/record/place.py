"""Where the record of scanned stones lies."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.home import need_home

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
        home = need_home("the record of stones", "GEMSCAN_RECORD", root=False)
        base = str(home / ".local" / "share")
    return Path(base) / "gemscan"
