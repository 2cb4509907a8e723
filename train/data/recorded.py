"""Pictures of `RUN/split.json`: written down, still where and what they were, of --extra or not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deploy.arrays import Json
from deploy.errors import DataError
from deploy.folders import LabelledPicture


def entries(pictures: Iterable[LabelledPicture], digests: Iterable[str]) -> list[Json]:
    """One side of a split as the file has it."""
    return [
        {"path": str(picture.path), "label": picture.label, "digest": digest}
        for picture, digest in zip(pictures, digests, strict=True)
    ]


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
