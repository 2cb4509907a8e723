"""Tell the stand-in camera what to do next. The names are in README.md."""

from __future__ import annotations

import os
from pathlib import Path


def steer(root: Path | None = None, /, **settings: object) -> None:
    """Take the place of all settings so far, at once and as a whole.

    Args:
        root: the camera's folder; None in a child, which has it from its environment.
    """
    root = root or Path(os.environ["STANDIN_V4L2"])
    draft = root / "settings.new"
    draft.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    draft.replace(root / "settings")
