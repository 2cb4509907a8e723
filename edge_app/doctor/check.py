"""One thing that `gemscan doctor` looked at, and what its checks share."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it would load NumPy, which may be what is missing
    from deploy.arrays import Json

OK, NOTE, MISSING = "ok", "note", "missing"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    state: "ok"; "note" for what some uses need; "missing" for what every use needs.
    remedy: what to do; empty when there is nothing to do.
    """

    name: str
    state: str
    found: str
    remedy: str = ""

    def as_json(self) -> Json:
        """For a file."""
        return dict(self.__dict__)


def installed(package: str) -> str:
    """A package's version, nothing loaded; empty where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def load(module: str) -> ModuleType | None:
    """A library, or None where it cannot be loaded."""
    try:
        return importlib.import_module(module)
    except (ImportError, OSError):
        return None
