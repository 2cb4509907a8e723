"""The user's own folder, which some services and containers lack."""

from __future__ import annotations

from pathlib import Path

from deploy.errors import SettingsError


def home_folder() -> Path | None:
    """It, or None for a user with neither $HOME nor an entry among the system's users."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def need_home(purpose: str, variable: str, *, root: bool = True) -> Path:
    """It, where nothing else was chosen.

    Args:
        purpose: what it is needed for, as the error says it.
        variable: of the environment, which names another folder.
        root: whether the root of the disk, which some services are given, will do.

    Raises:
        SettingsError: there is none.
    """
    home = home_folder()
    if home is None or (home == Path("/") and not root):
        raise SettingsError(
            f"this user has no home folder to keep {purpose} in. "
            f"Set {variable} to a folder that it may write."
        )
    return home
