"""The user's own folder, which some services and containers lack."""

from __future__ import annotations

from pathlib import Path

from deploy.errors import SettingsError


def home_folder() -> Path | None:
    """It, or None for a user who is given none, or the root of the disk, as containers do."""
    try:
        home = Path.home()
    except RuntimeError:  # neither $HOME nor an entry among the system's users
        return None
    return None if home == Path("/") else home


def need_home(purpose: str, variable: str) -> Path:
    """It, where nothing else was chosen.

    Args:
        purpose: what it is needed for, as the error says it.
        variable: of the environment, which names another folder.

    Raises:
        SettingsError: there is none.
    """
    home = home_folder()
    if home is None:
        raise SettingsError(
            f"this user has no home folder to keep {purpose} in. "
            f"Set {variable} to a folder that it may write."
        )
    return home
