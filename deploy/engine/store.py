"""Where engines are kept: the user's cache folder, one folder for each model, GPU and TensorRT.

An engine is code for the GPU, so none is opened that was not proved to be the one that was
written: the sidecar must fit this model and device, and the file's length and SHA-256 the sidecar.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.bundle import cache_folder
from deploy.engine.recipe import RECIPES, Recipe
from deploy.engine.record import SCHEMA, EngineRecord, Key
from deploy.errors import BackendError
from deploy.files import reading_errors, sha256, storage_errors, without_nan, write_json
from deploy.settings import from_mapping

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptEngine:
    """An engine that was found whole and fitting."""

    path: Path
    record: EngineRecord

    @property
    def recipe(self) -> Recipe:
        return RECIPES[self.record.recipe]

    def read(self) -> bytes:
        """The serialized engine, checked once more on the bytes that will be used.

        Raises:
            BackendError: it changed since it was found, or cannot be read.
        """
        with reading_errors(self.path, BackendError):
            data = self.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.record.sha256:
            raise BackendError(f"{self.path} was changed just now. Run the command again.")
        return data

    def remove(self) -> None:
        """Forget it.

        Raises:
            StorageError: no permission.
        """
        with storage_errors(self.path):
            self.path.with_suffix(".json").unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)


class EngineStore:
    """The engines of one bundle on one device."""

    def __init__(self, keys: Mapping[str, Key]) -> None:
        """Nothing is read yet.

        Args:
            keys: what its engine belongs to, for the name of each recipe that can be built.
        """
        self.keys = keys
        self.root = cache_folder() / "engines"

    def engine_path(self, recipe: Recipe) -> Path:
        """Where the engine of a recipe lies; its sidecar has the suffix .json."""
        return self.root / self.keys[recipe.name].folder_name / f"{recipe.name}.engine"

    def find(self, recipe: Recipe) -> KeptEngine | None:
        """The engine of a recipe, or None where there is none that can be trusted; logs why."""
        engine = self._described(recipe)
        return engine if engine is not None and self._is_whole(engine) else None

    def best(self, precision: str = "auto") -> KeptEngine | None:
        """The fastest engine that passed its scores, of one precision or of any.

        Sidecars are compared first, so that of several engines one alone is read and hashed.
        """
        fitting = [
            engine
            for engine in map(self._described, RECIPES.values())
            if engine is not None
            and precision in ("auto", engine.recipe.precision)
            and engine.record.passed
            and engine.record.timing is not None
        ]
        return next(filter(self._is_whole, sorted(fitting, key=_picture_ms)), None)

    def preferred(self) -> KeptEngine | None:
        """The best engine, else any: one that was built and never scored."""
        return self.best() or next(filter(None, map(self.find, RECIPES.values())), None)

    def put(self, recipe: Recipe, plan: Path, record: EngineRecord) -> None:
        """Move a finished engine into its place, whole or not at all.

        The sidecar comes last: without the one that fits it an engine counts as not there.

        Raises:
            StorageError: no room, or no permission.
        """
        with storage_errors(plan):
            plan.replace(self.engine_path(recipe))
        self.write_record(record)

    def write_record(self, record: EngineRecord) -> None:
        """Write a sidecar anew, as when the engine was scored.

        Raises:
            StorageError: no room, or no permission.
        """
        path = self.engine_path(RECIPES[record.recipe])
        write_json(path.with_suffix(".json"), without_nan(dataclasses.asdict(record)))

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the cache, so that of several processes one builds and the others find.

        One at a time, whatever it builds: two would share a board's memory, and each would spoil
        what the other measures.

        The lock belongs to the file descriptor that is given: a child that inherits it holds the
        lock on when its parent is killed. The kernel releases it with the last holder.

        Raises:
            StorageError: the folder cannot be written.
        """
        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            file = (self.root / "lock").open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("another process builds an engine here; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file.fileno()

    def _described(self, recipe: Recipe) -> KeptEngine | None:
        """What the sidecar says, where it fits this model and device."""
        if recipe.name not in self.keys:
            return None
        path = self.engine_path(recipe)
        if not path.exists() and not path.with_suffix(".json").exists():
            return None
        try:
            return KeptEngine(path, self._read_record(path.with_suffix(".json"), recipe))
        except (BackendError, OSError) as exc:
            _refuse(path, exc)
            return None

    def _is_whole(self, engine: KeptEngine) -> bool:
        try:
            _check_file(engine.path, engine.record)
        except (BackendError, OSError) as exc:
            _refuse(engine.path, exc)
            return False
        return True

    def _read_record(self, path: Path, recipe: Recipe) -> EngineRecord:
        try:
            said: Any = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as exc:
            raise BackendError(f"{path.name} is damaged ({exc})") from exc
        if isinstance(said, dict) and said.get("schema") != SCHEMA:
            raise BackendError("it was made by another version of gemscan")
        record = from_mapping(EngineRecord, said, where=path.name, error=BackendError)
        if difference := self.keys[recipe.name].difference(record.key):
            raise BackendError(f"it was made for {difference}")
        if record.recipe != recipe.name:
            raise BackendError(f"its sidecar is that of {record.recipe}")
        return record


def _refuse(path: Path, why: Exception) -> None:
    log.warning("%s is not used and will be built again: %s", path, why)


def _check_file(path: Path, record: EngineRecord) -> None:
    size = path.stat().st_size
    if size != record.size_bytes:
        raise BackendError(f"it has {size} bytes and should have {record.size_bytes}")
    if sha256(path) != record.sha256:
        raise BackendError("it was altered (its SHA-256 differs)")


def _picture_ms(engine: KeptEngine) -> float:
    timing = engine.record.timing
    return timing.picture_p50_ms if timing else float("inf")
