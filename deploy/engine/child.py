"""The process that builds: `python -m deploy.engine.child FD`, a job on stdin, events on FD.

A build in a process of its own gives its memory back when it is over, can be stopped at any moment
(TensorRT 8 cannot cancel), and when TensorRT crashes or the kernel kills it for want of memory,
the program that wanted the engine lives on to say so. Nothing is half-written by a killed build:
the engine is written at the end, beside its place, and put there by its parent.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from deploy.bundle import Bundle, load_bundle
from deploy.engine.bindings import load_tensorrt, takes_types_from_file
from deploy.engine.builder import (
    BuildCancelledError,
    BuildError,
    MakeCalibrator,
    build_engine,
    limits_for,
)
from deploy.engine.cuda import Gpu
from deploy.engine.forms import model_for
from deploy.engine.progress import PhaseTracker
from deploy.engine.recipe import CALIBRATOR, RECIPES
from deploy.errors import GemscanError, StorageError
from deploy.files import reading_errors, write_bytes
from deploy.settings import from_mapping

log = logging.getLogger(__name__)

CANCELLED, FAILED = 130, 2
POLL_S = 0.2


@dataclass(frozen=True)
class Job:
    """What to build. Paths are absolute.

    recipe: a name of `deploy.engine.recipe.RECIPES`.
    out: where the serialized engine goes.
    workspace_mb: None: what fits this device.
    timing_cache: a file to read and write, or None.
    images: a folder for TensorRT's calibrator, or None: the squares kept in the bundle.
    debug: log all that TensorRT says.
    """

    bundle: str
    recipe: str
    out: str
    workspace_mb: int | None
    timing_cache: str | None
    images: str | None
    debug: bool


# Given the bundle, the folder of images and the GPU: what makes TensorRT's calibrator from the
# `tensorrt` module, and the digests of its pictures by class.
PrepareCalibrator = Callable[[Bundle, Path | None, Gpu], tuple[MakeCalibrator, dict[str, Any]]]


def main(prepare: PrepareCalibrator | None = None) -> int:
    """Build what stdin asks for. Exit codes: 0, `FAILED`, `CANCELLED`."""
    parent = os.getppid()
    cancel = Event()
    job = from_mapping(Job, json.loads(sys.stdin.readline()), where="the build's job")
    level = logging.DEBUG if job.debug else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
    tell, codes = _events(), [FAILED]
    worker = Thread(target=lambda: codes.append(_try(job, tell, cancel, prepare)), daemon=True)
    cancellable = _let_signals(cancel)
    worker.start()
    while worker.is_alive():  # the main thread alone hears signals, and TensorRT would block it
        worker.join(POLL_S)
        tell({})  # the parent may want to say that it goes on
        if os.getppid() != parent:  # killed: nobody would put the engine into its place
            cancel.set()
            if not cancellable:
                os._exit(CANCELLED)
    return codes[-1]


def _events() -> Callable[[dict[str, Any]], None]:
    """What writes an event for the parent, from any thread; nothing where that is gone.

    Not to stdout, where any library may print.
    """
    pipe, lock = os.fdopen(int(sys.argv[1]), "w", encoding="utf-8"), Lock()

    def tell(event: dict[str, Any]) -> None:
        with lock, suppress(BrokenPipeError):
            print(json.dumps(event), file=pipe, flush=True)

    return tell


def _let_signals(cancel: Event) -> bool:
    """Let Ctrl-C cancel the build, or, where TensorRT cannot cancel, end the process.

    Returns:
        Whether TensorRT can.
    """
    cancellable = bool(find_spec("tensorrt")) and hasattr(load_tensorrt(), "IProgressMonitor")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, (lambda *_: cancel.set()) if cancellable else signal.SIG_DFL)
    return cancellable


def _try(
    job: Job,
    tell: Callable[[dict[str, Any]], None],
    cancel: Event,
    prepare: PrepareCalibrator | None,
) -> int:
    try:
        tell({"built": _build(job, tell, cancel, prepare)})
    except BuildCancelledError:
        return CANCELLED
    except GemscanError as exc:
        tell({"error": str(exc)})
        return FAILED
    return 0


def _build(
    job: Job,
    tell: Callable[[dict[str, Any]], None],
    cancel: Event,
    prepare: PrepareCalibrator | None,
) -> dict[str, Any]:
    """Build and write the engine; what the sidecar should say of it."""
    trt, bundle, recipe = load_tensorrt(), load_bundle(Path(job.bundle)), RECIPES[job.recipe]
    onnx = model_for(bundle, recipe, half=recipe.precision == "fp16" and takes_types_from_file(trt))
    with Gpu() as gpu:
        limits = limits_for(gpu.obtainable_bytes(), job.workspace_mb)
        calibrator, digests = _calibrator(job, bundle, gpu, prepare)
        report = PhaseTracker(lambda phase: tell({"phase": asdict(phase)}), cancel)
        with gpu.active():
            built = build_engine(
                onnx,
                recipe,
                limits,
                report=report,
                make_calibrator=calibrator,
                timing_cache=_read(job.timing_cache),
            )
    write_bytes(Path(job.out), memoryview(built.plan))
    if job.timing_cache and built.timing_cache:
        _keep_timing_cache(Path(job.timing_cache), built.timing_cache)
    return {
        "flags": built.flags,
        "workspace_mb": limits.workspace >> 20,
        "calibration": digests,
    }


def _calibrator(
    job: Job, bundle: Bundle, gpu: Gpu, prepare: PrepareCalibrator | None
) -> tuple[MakeCalibrator | None, dict[str, Any]]:
    if RECIPES[job.recipe].method != CALIBRATOR or prepare is None:
        return None, {}
    return prepare(bundle, Path(job.images) if job.images else None, gpu)


def _read(path: str | None) -> bytes:
    if path is None:
        return b""
    with reading_errors(Path(path), BuildError):
        return Path(path).read_bytes() if Path(path).exists() else b""


def _keep_timing_cache(path: Path, data: bytes) -> None:
    try:
        write_bytes(path, data)
    except StorageError as exc:  # the engine is built, and worth more
        log.warning("%s", exc)


if __name__ == "__main__":
    raise SystemExit(main())
