"""`gemscan bench`: frames per second and latency, stage by stage."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_app.defaults import add_model_arguments, open_model
from edge_app.machine.cores import leave_cores_to_the_model

if TYPE_CHECKING:
    from deploy.arrays import Json
    from deploy.backends import Backend
    from deploy.bundle import Bundle
    from edge_app.bench.bench import BenchResult, EngineTime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    add_model_arguments(parser)
    parser.add_argument(
        "--source",
        default="demo://?fps=0",
        metavar="URI",
        help="as for `gemscan run` (default: demo://?fps=0, as fast as it can be read)",
    )
    parser.add_argument(
        "--seconds",
        type=duration,
        default=10.0,
        metavar="S",
        help="how long is measured: half of it the loop, half the bare model (default: 10)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number here")
    parser.set_defaults(run=run_bench_command)


def duration(text: str) -> float:
    """Seconds above 0 and up to a day, for argparse."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise argparse.ArgumentTypeError(f"must be seconds above 0, up to 86400, not {text}")
    return seconds


def run_bench_command(args: argparse.Namespace) -> int:
    """Measure, print the table, write the numbers."""
    leave_cores_to_the_model()
    from deploy.bundle import load_bundle
    from deploy.familiarity import read_familiarity
    from deploy.files import write_json
    from edge_app.bench.bench import run_bench
    from edge_app.live.stopping import raise_on_signals, stop_on_signals
    from edge_app.machine.facts import describe_machine
    from edge_app.machine.jetson import read_jetson
    from edge_app.machine.jetson_lines import jetson_lines
    from edge_app.overlay.overlay import Overlay
    from edge_app.sources.uri import open_source

    bundle = load_bundle(args.bundle)
    source = open_source(args.source, bundle.labels)
    with raise_on_signals():  # an engine may have to be built first
        opened = open_model(bundle, args)
    with stop_on_signals() as stop, opened as backend:
        before = read_jetson()
        result = run_bench(
            source,
            backend,
            bundle.manifest,
            familiarity=read_familiarity(bundle),
            overlay=Overlay(
                bundle.manifest.name, source.name, f"{backend.name} {backend.precision}"
            ),
            seconds=args.seconds,
            stop=stop,
        )
    about = _about(bundle, backend, source.name) | {"machine": describe_machine()}
    after = about["machine"].get("jetson")
    print_table(result, about, jetson_lines(before, after))
    if args.json is not None:
        write_json(args.json, result.as_json() | about | {"jetson_before": before})
    return 0


def _about(bundle: Bundle, backend: Backend, source_name: str) -> Json:
    from deploy.backends.base import TimesItsEngine

    manifest = bundle.manifest
    return {
        "source": source_name,
        "bundle": {"name": manifest.name, "version": manifest.version, "digest": bundle.digest},
        "backend": {
            "name": backend.name,
            "precision": backend.precision,
            "engine": backend.engine_facts() if isinstance(backend, TimesItsEngine) else None,
        },
    }


def print_table(result: BenchResult, about: Json, about_jetson: Sequence[str] = ()) -> None:
    """Print the stages, the rates, and what they were measured on."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print(_stage_table(result, about))
    lines = (
        _engine_lines(result.engine, about) + _rate_lines(result) + _machine_lines(about["machine"])
    )
    for line in [*lines, *about_jetson]:
        console.print(line, markup=False)


def _stage_table(result: BenchResult, about: Json) -> Any:
    from rich.markup import escape
    from rich.table import Table

    backend = about["backend"]
    table = Table(
        title=escape(
            f"{about['bundle']['name']}, {backend['name']} {backend['precision']}, "
            f"{about['source']}"
        )
    )
    table.add_column("stage")
    for heading in ("p50 ms", "p95 ms", "p99 ms", "samples"):
        table.add_column(heading, justify="right")
    for name, spread in result.stats.times.spreads().items():
        numbers = (f"{value:.2f}" for value in spread[1:])
        table.add_row(_TITLES.get(name, name), *numbers, str(spread.samples))
    return table


_TITLES = {"latency": "camera to label"}


def _engine_lines(engine: EngineTime | None, about: Json) -> list[str]:
    if engine is None:
        return []
    facts = about["backend"]["engine"]
    return [
        f"{facts['recipe']} engine on {facts['gpu']}, TensorRT {facts['tensorrt']}, "
        f"{'one CUDA graph a picture' if facts['cuda_graph'] else 'no CUDA graph'}",
        f"the engine alone on the GPU: p50 {engine.p50_ms:.2f}, p90 {engine.p90_ms:.2f}, "
        f"p99 {engine.p99_ms:.2f} ms ({engine.runs} runs by CUDA events; "
        "MLPerf's single stream reports p90)",
    ]


def _rate_lines(result: BenchResult) -> list[str]:
    stats = result.stats
    kept = "the source sets the pace" if result.live else f"the loop keeps {result.ratio:.0%}"
    return [
        f"whole loop {result.loop_fps:.1f} frames per second, the model alone "
        f"{result.bare_fps:.1f}: {kept} (medians of {result.turns} turns each)",
        f"{stats.frames} frames, {stats.dropped} dropped, {stats.camera_errors} missed, "
        f"{result.peak_memory_mb:.0f} MB of memory at most",
    ]


def _machine_lines(machine: Json) -> list[str]:
    flags = ", ".join(machine["int8_instructions"]) or "no INT8 instructions"
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    name = f"{machine['board']}, {machine['cpu']}" if machine["board"] else machine["cpu"]
    return [
        f"{name}, {machine['cores']} cores, {flags}, {machine['memory_mb']} MB",
        f"{machine['system']}, Python {machine['python']}, {versions}",
    ]
