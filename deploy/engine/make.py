"""Getting an engine: the one that is kept, or a new one."""

from __future__ import annotations

import dataclasses
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from deploy.bundle import Bundle
from deploy.engine.bindings import load_tensorrt
from deploy.engine.child import Job
from deploy.engine.cuda import first_gpu
from deploy.engine.process import BUILDER, build_in_child
from deploy.engine.recipe import FP16, FP32, INT8_QDQ, RECIPES, Recipe
from deploy.engine.record import SCHEMA, EngineRecord, Key
from deploy.engine.source import source_digest, source_precision
from deploy.engine.store import EngineStore, KeptEngine
from deploy.errors import BackendError
from deploy.files import sha256, storage_errors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildSettings:
    """What a user may say of a build.

    workspace_mb: memory for kernels; None: what fits the device.
    timing_cache: a file that keeps what was measured from build to build; None: none.
    images: photographs for TensorRT's calibrator; None: those kept in the bundle.
    module: the process that builds; another one brings the calibrator.
    """

    workspace_mb: int | None = None
    timing_cache: Path | None = None
    images: Path | None = None
    module: str = BUILDER


def device_keys(bundle: Bundle) -> dict[str, Key]:
    """What an engine of each recipe that the bundle can have belongs to on this device.

    Raises:
        BackendError, MissingDependencyError: there is no GPU, or a library is missing.
    """
    trt = load_tensorrt()
    gpu = first_gpu()
    possible = (r for r in RECIPES.values() if r != INT8_QDQ or "int8" in bundle.precisions)
    return {
        r.name: Key(source_digest(bundle, r), gpu.name, gpu.capability, trt.__version__)
        for r in possible
    }


def default_recipe(bundle: Bundle, precision: str) -> Recipe:
    """What is built when nothing was measured: Q/DQ INT8 where the bundle holds it.

    Raises:
        BundleError: INT8 was asked for and the bundle holds none.
    """
    if precision == "auto":
        return INT8_QDQ if "int8" in bundle.precisions else FP16
    if precision == "int8":
        bundle.choose_precision("int8")
        return INT8_QDQ
    return RECIPES[precision]


def find_or_build(bundle: Bundle, precision: str, settings: BuildSettings) -> KeptEngine:
    """The fastest engine of a precision that passed its scores, else a new one.

    Raises:
        BuildError: TensorRT builds none.
        BackendError: with "auto", every engine that there is was found wrong.
        MissingDependencyError, BundleError, StorageError: as their names say.
        KeyboardInterrupt: the build was stopped.
    """
    store, default = EngineStore(device_keys(bundle)), default_recipe(bundle, precision)
    best = store.best(precision)
    # float32 that was built by itself does not stand in for an INT8 that nobody tried.
    untried = precision == "auto" and best is not None and best.recipe == FP32
    if best is not None and not (untried and store.find(default) is None):
        return best
    engine = find_or_build_recipe(bundle, store, default, settings)
    _mind_scores(engine, precision)
    return engine


def _mind_scores(engine: KeptEngine, precision: str) -> None:
    """An engine that was found wrong by `gemscan build` runs for those alone who insist."""
    failures = engine.record.scores.failures if engine.record.scores else ()
    if failures and precision == "auto":
        raise BackendError(
            f"no engine of this device passed `gemscan build`; {engine.recipe.name}: {failures[0]}"
        )
    for failure in failures:
        log.warning("%s did not pass `gemscan build`: %s", engine.recipe.name, failure)


def find_or_build_recipe(
    bundle: Bundle, store: EngineStore, recipe: Recipe, settings: BuildSettings
) -> KeptEngine:
    """The kept engine of one recipe, else a new one; of several processes one builds.

    Raises:
        As `find_or_build`.
    """
    found = store.find(recipe)
    if found is not None:
        return found
    with store.locked() as lock:
        found = store.find(recipe)  # another process may have built it meanwhile
        return found or build(bundle, store, recipe, settings, lock)


def build(
    bundle: Bundle, store: EngineStore, recipe: Recipe, settings: BuildSettings, lock: int
) -> KeptEngine:
    """Build an engine and keep it. The store must be locked.

    Raises:
        As `find_or_build`.
    """
    log.info(
        "building the %s engine of %s for %s; this can take minutes, once",
        recipe.name,
        bundle.manifest.name,
        store.keys[recipe.name].gpu,
    )
    plan = store.engine_path(recipe).with_name(f".{recipe.name}.plan")
    job = Job(
        bundle=str(bundle.root.resolve()),
        recipe=recipe.name,
        out=str(plan),
        workspace_mb=settings.workspace_mb,
        timing_cache=_absolute(settings.timing_cache),
        images=_absolute(settings.images),
        debug=logging.getLogger().isEnabledFor(logging.DEBUG),
    )
    started = time.monotonic()
    try:
        said = build_in_child(job, lock, f"building {recipe.name}", module=settings.module)
        return _keep(bundle, store, recipe, plan, said, time.monotonic() - started)
    finally:
        with storage_errors(plan):
            plan.unlink(missing_ok=True)


def _absolute(path: Path | None) -> str | None:
    return str(path.resolve()) if path else None


def _keep(
    bundle: Bundle,
    store: EngineStore,
    recipe: Recipe,
    plan: Path,
    said: dict[str, Any],
    built_s: float,
) -> KeptEngine:
    record = EngineRecord(
        schema=SCHEMA,
        key=store.keys[recipe.name],
        recipe=recipe.name,
        sha256=sha256(plan),
        size_bytes=plan.stat().st_size,
        flags=tuple(said["flags"]),
        workspace_mb=said["workspace_mb"],
        built_s=round(built_s, 1),
        built_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        made_from=made_from(bundle, recipe),
        calibration=said["calibration"],
    )
    store.put(recipe, plan, record)
    kept = store.find(recipe)
    if kept is None:
        raise BackendError(f"{store.root} does not keep what is written to it")
    return kept


def made_from(bundle: Bundle, recipe: Recipe) -> str:
    """Which model of the bundle an engine is built from, in words."""
    if recipe == INT8_QDQ:
        return "the INT8 model"
    if source_precision(bundle, recipe) == "fp32":
        return "the float32 model"
    return "the INT8 model without Q/DQ, its weights rounded to 8 bits"


def note(store: EngineStore, engine: KeptEngine, **said: Any) -> KeptEngine:
    """Write more into an engine's sidecar."""
    record = dataclasses.replace(engine.record, **said)
    store.write_record(record)
    return KeptEngine(engine.path, record)
