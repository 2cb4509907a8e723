"""`make bench`: frame rates as ratios of one run, so that anyone can repeat them anywhere.

Contenders take turns and medians are compared, since machines are shared and clocks move. The
float32 contenders have random weights: the work is the same, whatever the weights say.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from deploy.arrays import ByteArray
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import MODEL_FILES, SCHEMA, Bundle, Manifest, edit_bundle, load_bundle
from deploy.decision import Decision
from deploy.familiarity import read_familiarity
from deploy.preprocess import Framing
from edge_app.bench.bench import run_bench
from edge_app.defaults import SHIPPED_BUNDLE
from edge_app.machine.facts import describe_machine
from edge_app.overlay.overlay import Overlay
from edge_app.sources.base import Source
from edge_app.sources.uri import open_source
from tests.bench.frames import PreloadedFrames, demo_frames
from train.export.onnx_file import write_onnx
from train.model import GemNet, build_model

VIDEO_FRAMES = 300


@dataclass(frozen=True)
class Row:
    """One bar of the table: what was measured, and what it must reach."""

    what: str
    value: str
    bar: str
    held: bool


def main() -> int:
    """Measure, print the table, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here")
    args = parser.parse_args()
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_model_rows(Path(folder), args.seconds), *_loop_rows(Path(folder), args.seconds)]
    rows += _start_rows()
    _print(rows)
    if args.json:
        args.json.write_text(json.dumps([row.__dict__ for row in rows], indent=1))
    return 0 if all(row.held for row in rows) else 1


def _model_rows(folder: Path, seconds: float) -> Iterator[Row]:
    """INT8 against float32, in ONNX Runtime and in eager PyTorch, one picture at a time."""
    shipped = load_bundle(SHIPPED_BUNDLE)
    side = shipped.manifest.input.size_px
    picture = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    model = build_model(len(shipped.labels)).eval()
    float32 = _float32_bundle(folder / "float32", model, shipped)
    with ExitStack() as stack:
        int8 = stack.enter_context(OnnxCpuBackend(shipped, "int8", threads=2))
        fp32 = stack.enter_context(OnnxCpuBackend(float32, "fp32", threads=2))
        times = _by_turns(
            {
                "int8": lambda: int8.infer(picture),
                "fp32": lambda: fp32.infer(picture),
                "eager": _eager(model, picture),
            },
            seconds,
        )
    for name, bar in (("fp32", 2.5), ("eager", 5.0)):
        ratio = times[name] / times["int8"]
        against = {"fp32": "ONNX Runtime float32", "eager": "eager PyTorch float32"}[name]
        said = f"{ratio:.2f}x ({1e3 * times['int8']:.1f} against {1e3 * times[name]:.1f} ms)"
        yield Row(f"INT8 against {against}", said, f"{bar}x", ratio >= bar)


def _float32_bundle(root: Path, model: GemNet, like: Bundle) -> Bundle:
    with edit_bundle(root) as draft:
        spec, framing = like.manifest.input, Framing()
        write_onnx(model, spec.size_px, draft.root / MODEL_FILES["fp32"])
        draft.manifest = Manifest(
            SCHEMA, "float32", "1", like.labels, spec, framing, Decision(), {}, {}
        )
    return load_bundle(root)


def _eager(model: GemNet, picture: ByteArray) -> Callable[[], object]:
    planes = torch.from_numpy(picture).permute(0, 3, 1, 2)

    def run() -> object:
        with torch.inference_mode():
            return model(planes)

    return run


def _by_turns(contenders: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Median seconds of a call. A turn is long enough for clocks and caches to settle."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        _timed(run, 0.5)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for name, run in contenders.items():
            times[name] += _timed(run, 0.5)
    return {name: median(each) for name, each in times.items()}


def _timed(run: Callable[[], object], seconds: float) -> list[float]:
    times = []
    until = time.perf_counter() + seconds
    while not times or time.perf_counter() < until:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def _loop_rows(folder: Path, seconds: float) -> Iterator[Row]:
    """The whole loop with its overlay at 1280 x 720, against the model alone."""
    bundle = load_bundle(SHIPPED_BUNDLE)
    frames = demo_frames(bundle.labels, VIDEO_FRAMES)
    video = folder / "demo.mp4"
    _write_video(video, frames)
    sources: dict[str, tuple[Source, float]] = {
        "a video file": (open_source(str(video), bundle.labels), 0.8),
        "a source that is free to read": (PreloadedFrames(frames[:60]), 0.9),
    }
    for name, (source, bar) in sources.items():
        with OnnxCpuBackend(bundle, "int8") as backend:
            overlay = Overlay(bundle.manifest.name, source.name)
            result = run_bench(
                source,
                backend,
                bundle.manifest,
                familiarity=read_familiarity(bundle),
                overlay=overlay,
                seconds=seconds,
            )
        said = f"{result.ratio:.1%} ({result.loop_fps:.1f} of {result.bare_fps:.1f} FPS)"
        yield Row(f"whole loop from {name}", said, f"{bar:.0%}", result.ratio >= bar)


def _write_video(path: Path, frames: list[ByteArray]) -> None:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()


def _start_rows(repeats: int = 5) -> list[Row]:
    """`gemscan run` from the start of the process to its first label, and what it holds then."""
    seconds, memory_mb = zip(*(_first_label() for _ in range(repeats)), strict=True)
    first, most = median(seconds), max(memory_mb)
    return [
        Row("start to first label", f"{first:.2f} s", "2 s", first < 2),
        Row("resident memory", f"{most:.0f} MB", "400 MB", most < 400),
    ]


def _first_label() -> tuple[float, float]:
    with _scratch_file() as report:
        words = ["run", "--source", "demo://?fps=0", "--display", "none", "--frames", "30"]
        subprocess.run(
            [sys.executable, "-m", "gemscan", *words, "--json", str(report)],
            check=True,
            capture_output=True,
        )
        said = json.loads(report.read_text())
    return said["first_label_s"], said["peak_memory_mb"]


@contextmanager
def _scratch_file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "report.json"


def _print(rows: list[Row]) -> None:
    table = Table(title="\n".join(f"{k}: {v}" for k, v in describe_machine().items()))
    for heading in ("what", "measured", "bar", ""):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.what, row.value, row.bar, "held" if row.held else "MISSED")
    Console(width=120).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
