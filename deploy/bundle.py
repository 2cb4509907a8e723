"""The bundle: the one thing that travels from the workstation to the device.

A folder, or a zip of it: `bundle.json`, the models, golden pictures with the logits expected for
them, and how all of it was made. `docs/bundle.md` describes every field.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from deploy.arrays import Json
from deploy.decision import Decision
from deploy.errors import BundleError
from deploy.files import (
    read_json,
    reading_errors,
    sha256,
    staged_folder,
    storage_errors,
    without_nan,
    write_json,
)
from deploy.home import need_home
from deploy.preprocess import Framing, InputSpec
from deploy.settings import from_mapping

log = logging.getLogger(__name__)

SCHEMA = 2
MANIFEST = "bundle.json"
MODEL_FILES = {"fp32": "model.onnx", "int8": "model.int8.onnx"}
EMBEDDING_SIZE = 2048
FAMILIARITY = "familiarity.npy"

# What `zipfile` raises for a file that was altered, cut short or encrypted, or packed by a method
# that it does not know.
BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Manifest:
    """What `bundle.json` says. `files` maps every other file's path to its SHA-256."""

    schema: int
    name: str
    version: str
    labels: tuple[str, ...]
    input: InputSpec
    framing: Framing
    decision: Decision
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must be at least two different names")


@dataclass(frozen=True)
class Bundle:
    """A bundle whose schema and hashes were found right."""

    root: Path
    manifest: Manifest

    @property
    def labels(self) -> tuple[str, ...]:
        return self.manifest.labels

    @property
    def precisions(self) -> tuple[str, ...]:
        """Of "int8" and "fp32", those that this bundle holds; the preferred one first."""
        return tuple(p for p in ("int8", "fp32") if MODEL_FILES[p] in self.manifest.files)

    @property
    def digest(self) -> str:
        """SHA-256 over what decides a prediction; metrics and the name do not count."""
        said = dataclasses.asdict(self.manifest)
        for name in ("metrics", "provenance", "name", "version"):
            del said[name]
        deciding = [*self._model_files(), FAMILIARITY]
        said["files"] = {n: said["files"][n] for n in deciding if n in said["files"]}
        return _digest(said)

    @property
    def network_digest(self) -> str:
        """SHA-256 over what decides an embedding: models, framing and input, and no threshold."""
        whole = dataclasses.asdict(self.manifest)
        said = {name: whole[name] for name in ("input", "framing")}
        said["files"] = {name: whole["files"][name] for name in self._model_files()}
        return _digest(said)

    def _model_files(self) -> list[str]:
        return [MODEL_FILES[precision] for precision in self.precisions]

    def choose_precision(self, wanted: str = "auto") -> str:
        """The precision to run: the one that is wanted, or the best that is here.

        Raises:
            BundleError: the bundle does not hold it; the message says how to get it.
        """
        if wanted == "auto":
            return self.precisions[0]
        if wanted in self.precisions:
            return wanted
        remedy = {
            "int8": "Make it with: gemscan calibrate BUNDLE --images DIR",
            "fp32": "Take the bundle that `gemscan export` wrote; shipped ones hold INT8 alone.",
            "fp16": "TensorRT makes one itself: --backend tensorrt",
        }[wanted]
        raise BundleError(f"{self.root} holds no {wanted} model. {remedy}")

    def model(self, precision: str = "auto") -> Path:
        """The ONNX file of a precision.

        Raises:
            BundleError: the bundle does not hold it.
        """
        return self.root / MODEL_FILES[self.choose_precision(precision)]

    def read_json(self, name: str) -> Json:
        """A JSON file of the bundle, or an empty mapping where the bundle has none.

        Raises:
            BundleError: it cannot be read, or holds no object.
        """
        if name not in self.manifest.files:
            return {}
        said = read_json(self.root / name, BundleError, "Copy the bundle again.")
        if not isinstance(said, dict):
            raise BundleError(f"{self.root / name} holds no object. Copy the bundle again.")
        return said


def load_bundle(path: Path) -> Bundle:
    """Read a bundle and check its schema and the SHA-256 of every file.

    Args:
        path: the folder, or a zip of it. A zip is unpacked once into the user's cache.

    Raises:
        BundleError: not a bundle, a newer one, or a file that is missing, altered or not readable.
    """
    with reading_errors(path, BundleError):
        return _load_zip(path) if path.is_file() else _load_folder(path)


def _load_folder(root: Path) -> Bundle:
    if not (root / MANIFEST).is_file():
        raise BundleError(
            f"{root} is not a model bundle: there is no {MANIFEST} in it. "
            "Make one with: gemscan export RUN BUNDLE"
        )
    manifest = _read_manifest(root / MANIFEST)
    _check_files(root, manifest)
    return Bundle(root, manifest)


def _read_manifest(path: Path) -> Manifest:
    said = read_json(path, BundleError, "Copy the bundle again.")
    schema = said.get("schema") if isinstance(said, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise BundleError(
            f"{path} has schema {schema}, made by a newer gemscan; this one reads up to {SCHEMA}. "
            "Update gemscan on this machine."
        )
    return from_mapping(Manifest, _as_newest(said), where=str(path), error=BundleError)


def _as_newest(said: Any) -> Any:
    """What an older `bundle.json` says, in the words of schema 2; it decides as it did."""
    if not isinstance(said, dict) or said.get("schema") != 1:
        return said
    decision = said.get("decision")
    if not isinstance(decision, dict):
        return said
    added = {"margin_at_least": 0.0, "familiar_at_least": None}
    return said | {"schema": SCHEMA, "decision": added | decision}


def _check_files(root: Path, manifest: Manifest) -> None:
    if not any(name in manifest.files for name in MODEL_FILES.values()):
        raise BundleError(f"{root} lists no model; one of {', '.join(MODEL_FILES.values())}")
    for name, expected in manifest.files.items():
        path = root / _safe(name, root)
        if not path.is_file():
            raise BundleError(f"{root} is incomplete: {name} is missing. Copy the bundle again.")
        if sha256(path) != expected:
            raise BundleError(
                f"{path} is not the file that bundle.json describes (its SHA-256 differs). "
                "It was altered or copied in part; copy the bundle again."
            )


def _safe(name: str, where: Path) -> str:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name:
        raise BundleError(f"{where} names a file outside itself: {name}")
    return name


def cache_folder() -> Path:
    """Where this user's derived files are kept: GEMSCAN_CACHE, or the XDG cache folder.

    Raises:
        SettingsError: neither is set, and this user has no home folder.
    """
    if chosen := os.environ.get("GEMSCAN_CACHE"):
        return Path(chosen).absolute()  # a process that builds has another working folder
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "gemscan"
    return need_home("unpacked bundles and engines", "GEMSCAN_CACHE") / ".cache" / "gemscan"


def _load_zip(archive: Path) -> Bundle:
    target = cache_folder() / "bundles" / sha256(archive)[:32]
    if target.is_dir():
        try:
            return _load_folder(target)
        except BundleError as exc:
            log.warning("%s is unpacked again: %s", archive, exc)
    _unpack(archive, target)
    return _load_folder(target)


def _unpack(archive: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as packed, staged_folder(target) as stage:
            for name, entry in _bundle_entries(packed, archive).items():
                data = packed.read(entry)
                with storage_errors(stage / name):
                    (stage / name).parent.mkdir(parents=True, exist_ok=True)
                    (stage / name).write_bytes(data)
    except BAD_ZIP as exc:
        raise BundleError(
            f"{archive} is not a whole zip file without a password ({exc}). Copy it again."
        ) from exc


def _bundle_entries(packed: zipfile.ZipFile, archive: Path) -> dict[str, zipfile.ZipInfo]:
    """Entries by their path inside the bundle; the zip may hold its folder or only its files."""
    manifests = [i.filename for i in packed.infolist() if i.filename.endswith(MANIFEST)]
    if not manifests:
        raise BundleError(f"{archive} is not a model bundle: there is no {MANIFEST} in it.")
    prefix = min(manifests, key=len)[: -len(MANIFEST)]
    entries = [i for i in packed.infolist() if i.filename.startswith(prefix) and not i.is_dir()]
    return {_safe(i.filename[len(prefix) :], archive): i for i in entries}


@contextmanager
def edit_bundle(path: Path, *, start_from: Bundle | None = None) -> Iterator[BundleDraft]:
    """Write a bundle, or a better one in its place, whole or not at all.

    The draft's manifest and files are put in place, with fresh hashes, when the block succeeds.

    Raises:
        BundleError: `path` exists and is something else than a bundle's folder, or it was changed
            since `start_from` was read from it.
        StorageError: it cannot be written.
    """
    with reading_errors(path, BundleError):
        refuse_file(path)
        if path.exists() and any(path.iterdir()) and not (path / MANIFEST).is_file():
            raise BundleError(f"{path} exists and is not a model bundle. Choose another place.")
    with staged_folder(path, start_from=start_from.root if start_from else None) as stage:
        draft = BundleDraft(stage, start_from.manifest if start_from else None)
        yield draft
        if start_from and start_from.root.resolve() == path.resolve():
            _check_unchanged(start_from)
        _write_manifest(stage, draft.require_manifest())


def _check_unchanged(begun: Bundle) -> None:
    """What was worked out from one bundle is not true of another in its place."""
    if _read_manifest(begun.root / MANIFEST) != begun.manifest:
        raise BundleError(
            f"{begun.root} was changed by another command meanwhile, and stays as that one left "
            "it. Run this one again."
        )


def refuse_file(path: Path) -> None:
    """Refuse what cannot be changed in place.

    Raises:
        BundleError: `path` is a file, as a zipped bundle is.
    """
    if path.is_file():
        raise BundleError(
            f"{path} is a file, and only the folder of a bundle can be changed. "
            "If it is a zip, unpack it first."
        )


@dataclass
class BundleDraft:
    """A bundle while it is being written: fill `root`, set `manifest`."""

    root: Path
    manifest: Manifest | None

    def require_manifest(self) -> Manifest:
        """The manifest, which by now must have been set."""
        if self.manifest is None:
            raise RuntimeError("a new bundle was left without a manifest")
        return self.manifest

    def as_bundle(self) -> Bundle:
        """The bundle as far as it is written: whoever reads it finds the files of this moment."""
        manifest = dataclasses.replace(self.require_manifest(), files=_hashes(self.root))
        return Bundle(self.root, manifest)


def _digest(said: Json) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _hashes(root: Path) -> dict[str, str]:
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    return {name: sha256(root / name) for name in names if name != MANIFEST}


def _write_manifest(root: Path, manifest: Manifest) -> None:
    said = dataclasses.asdict(dataclasses.replace(manifest, files=_hashes(root)))
    write_json(root / MANIFEST, without_nan(said))
