"""Pictures of `RUN/split.json`: still where and what they were, and of --extra or not."""

from __future__ import annotations

from pathlib import Path

from deploy.arrays import Json
from deploy.errors import DataError
from deploy.folders import LabelledPicture


def is_as_recorded(entry: Json) -> bool:
    """Whether a picture of `RUN/split.json` is there and has the same bytes."""
    try:
        digest = LabelledPicture(Path(entry["path"]), entry["label"]).digest()
    except DataError:  # gone
        return False
    return digest == str(entry["digest"])


def is_extra(entry: Json, extra: str | None) -> bool:
    """Whether a picture of `RUN/split.json` came from the folder that only ever teaches."""
    return extra is not None and Path(entry["path"]).is_relative_to(extra)
