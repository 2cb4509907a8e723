"""Is a picture that a run recorded still where and what it was?"""

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
