"""Arrays with a row for each picture and each view of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

R = TypeVar("R", bound="Rows")


class Rows:
    """For a frozen dataclass whose fields are all arrays of N rows.

    picture: (N,) which picture a row is a view of.
    plain: (N,) whether it is the picture itself.
    """

    picture: npt.NDArray[np.int64]
    plain: npt.NDArray[np.bool_]

    @property
    def pictures(self) -> int:
        """How many pictures the rows are views of."""
        return len(np.unique(self.picture))

    def where(self: R, chosen: npt.NDArray[np.bool_]) -> R:
        """The rows that are chosen."""
        return _with(self, {name: getattr(self, name)[chosen] for name in _names(self)})


def joined(parts: Sequence[R]) -> R:
    """Several in one; pictures of different parts stay different."""
    sizes = [int(part.picture.max(initial=-1)) + 1 for part in parts]
    starts = np.cumsum([0, *sizes[:-1]])
    pictures = [part.picture + start for part, start in zip(parts, starts, strict=True)]
    rows = {name: [getattr(part, name) for part in parts] for name in _names(parts[0])}
    rows["picture"] = pictures
    return _with(parts[0], {name: np.concatenate(each) for name, each in rows.items()})


def _names(rows: Any) -> list[str]:
    return [field.name for field in fields(rows)]


def _with(rows: R, columns: dict[str, Any]) -> R:
    made: R = replace(cast("Any", rows), **columns)
    return made
