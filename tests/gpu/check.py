"""`make test-gpu`: the TensorRT backend on a real GPU, all of it, in one command.

Builds every kind of engine of a bundle, holds each against float32 on the CPU, runs one from
several threads, opens and closes it many times, measures INT8 against FP16 against float32, and
shows what the INT8 engine is made of. It needs no pytest, torch or network. Without photographs it
draws stones. The exit code is 1 when anything that was promised did not hold.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from calibration.build_command import print_contest
from calibration.pictures import unseen_pictures
from deploy.backends.tensorrt import TensorRtBackend
from deploy.bundle import Bundle, load_bundle
from deploy.engine.bindings import has_calibrators, load_tensorrt
from deploy.engine.contest import Contest, hold_contest
from deploy.engine.cuda import Gpu
from deploy.engine.forms import model_for
from deploy.engine.layers import engine_information, operators_of, read_layers
from deploy.engine.make import BuildSettings, device_keys
from deploy.engine.recipe import FP16, FP32, INT8_CALIBRATOR, INT8_QDQ
from deploy.engine.store import EngineStore, KeptEngine
from deploy.familiarity import read_familiarity
from deploy.files import without_nan
from deploy.inspect_command import print_engine
from deploy.progress import picture_progress
from deploy.render.folder import render_folder
from edge_app.bench.bench import BenchResult, run_bench
from edge_app.defaults import SHIPPED_BUNDLE
from edge_app.machine.facts import describe_machine
from edge_app.overlay.overlay import Overlay
from tests.bench.frames import PreloadedFrames, demo_frames

DRAWN_PER_CLASS = 20
THREADS, PICTURES = 6, 240
OPENINGS = 20
LEAK_MB = 32  # more than this after many openings is no noise of the driver

Failures = list[str]


def main() -> int:
    """Run everything and print it; 1 when something did not hold."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    bundle = load_bundle(args.bundle)
    failures: Failures = []
    said: dict[str, Any] = {"machine": describe_machine(), "bundle": bundle.manifest.name}
    with tempfile.TemporaryDirectory() as folder:
        images = args.images or _draw(Path(folder) / "drawn", bundle)
        store = EngineStore(device_keys(bundle))
        key = store.keys[FP32.name]
        print(f"{key.gpu}, compute capability {key.capability}, TensorRT {key.tensorrt}")
        contest = _contest(bundle, store, images, failures)
    engines = [entry.engine for entry in contest.entries if entry.engine is not None]
    said["engines"] = {engine.record.recipe: asdict(engine.record) for engine in engines}
    if engines:
        said["threads"] = _from_threads(bundle, engines[0], failures)
        said["left_mb"] = _open_and_close(bundle, engines[0], failures)
        said["loop"] = _measure(bundle, engines, args.seconds)
        said["layers"] = _inspect(bundle, engines[0], failures)
    print("\n".join(f"FAILED: {failure}" for failure in failures) or "everything held")
    if args.json:
        args.json.write_text(json.dumps(without_nan({**said, "failures": failures}), indent=1))
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    parser.add_argument("--images", type=Path, help="photographs, one folder per class")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each engine's loop")
    parser.add_argument("--json", type=Path, help="write every number there")
    return parser.parse_args()


def _draw(folder: Path, bundle: Bundle) -> Path:
    print("no photographs were given: drawn stones stand in")
    render_folder(folder, bundle.labels, DRAWN_PER_CLASS)
    return folder


def _contest(bundle: Bundle, store: EngineStore, images: Path, failures: Failures) -> Contest:
    """Every kind of engine, freshly built, scored against float32 and timed."""
    recipes = [INT8_QDQ, INT8_CALIBRATOR, FP16, FP32]
    if not has_calibrators(load_tensorrt()):
        recipes.remove(INT8_CALIBRATOR)
    contest = hold_contest(
        bundle,
        store,
        recipes,
        BuildSettings(images=images, module="calibration.engine_child"),
        unseen_pictures(bundle, images, 512),
        fresh=True,
        progress=picture_progress,
    )
    print_contest(contest)
    for entry in contest.entries:
        if not entry.passed:
            scores = entry.engine.record.scores if entry.engine else None
            failures.append(f"{entry.recipe.name}: {scores.failures if scores else entry.problem}")
    return contest


def _from_threads(bundle: Bundle, engine: KeptEngine, failures: Failures) -> float:
    """Many threads at once; the largest difference from the same pictures one after another."""
    size_px = bundle.manifest.input.size_px
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (PICTURES, size_px, size_px, 3), dtype=np.uint8)
    with TensorRtBackend.of_engine(bundle, engine) as backend:
        alone = np.concatenate([backend.infer(square[None]).logits for square in squares])
        with ThreadPoolExecutor(THREADS) as pool:
            together = np.concatenate(
                list(pool.map(lambda square: backend.infer(square[None]).logits, squares))
            )
        batch = backend.infer(squares).logits
    gap = float(max(np.abs(alone - together).max(), np.abs(alone - batch).max()))
    print(f"{PICTURES} pictures from {THREADS} threads, and as one batch: largest gap {gap:g}")
    if gap > 1e-3:
        failures.append(f"threads or a batch change the logits by {gap:g}")
    return gap


def _open_and_close(bundle: Bundle, engine: KeptEngine, failures: Failures) -> float:
    """Whether openings leave memory behind on the GPU, in MB."""
    with Gpu() as gpu:
        TensorRtBackend.of_engine(bundle, engine).close()  # what libraries load once, is loaded
        before = gpu.free_bytes()
        for _ in range(OPENINGS):
            TensorRtBackend.of_engine(bundle, engine).close()
        left_mb = (before - gpu.free_bytes()) / 2**20
    print(f"{OPENINGS} openings and closings: {left_mb:.1f} MB less is free on the GPU")
    if left_mb > LEAK_MB:
        failures.append(f"{OPENINGS} openings left {left_mb:.0f} MB on the GPU")
    return left_mb


def _measure(bundle: Bundle, engines: list[KeptEngine], seconds: float) -> dict[str, Any]:
    """The engine alone and the whole loop, for each engine."""
    frames = demo_frames(bundle.labels, 60)
    print(
        f"{'engine':18}{'engine p50':>11}{'p90 ms':>8}{'model FPS':>11}{'loop FPS':>10}{'label':>9}"
    )
    return {engine.record.recipe: _one(bundle, engine, frames, seconds) for engine in engines}


def _one(bundle: Bundle, engine: KeptEngine, frames: list[Any], seconds: float) -> dict[str, Any]:
    source = PreloadedFrames(frames)
    overlay = Overlay(bundle.manifest.name, source.name)
    with TensorRtBackend.of_engine(bundle, engine) as backend:
        result = run_bench(
            source,
            backend,
            bundle.manifest,
            familiarity=read_familiarity(bundle),
            overlay=overlay,
            seconds=seconds,
        )
    _print_row(engine.record.recipe, result)
    return result.as_json()


def _print_row(name: str, result: BenchResult) -> None:
    latency = result.stats.times.spreads()["latency"].p50_ms
    alone = result.engine
    assert alone is not None
    print(
        f"{name:18}{alone.p50_ms:11.3f}{alone.p90_ms:8.3f}{result.bare_fps:11.1f}"
        f"{result.loop_fps:10.1f}{latency:7.2f}ms"
    )


def _inspect(bundle: Bundle, engine: KeptEngine, failures: Failures) -> list[str]:
    operators = operators_of(model_for(bundle, engine.recipe))
    insight = read_layers(engine_information(engine.read()), operators)
    print_engine(engine, insight)
    fused, additions = insight.residuals
    if engine.recipe == INT8_QDQ and fused < additions:
        failures.append(f"{additions - fused} residual additions run apart from their Conv")
    return insight.summary()


if __name__ == "__main__":
    raise SystemExit(main())
