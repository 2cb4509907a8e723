"""`python -m tests.bench.scanner`: what a look at the tray costs, and how soon a verdict comes.

The look is timed on drawn trays of 1280 x 720 pixels; `find_stone`, which needs no memory of the
tray, beside it, since machines differ. The verdict is timed on the demo at 30 frames a second with
the shipped model, from the first frame in which a stone lies still to the end of the scan that
gave its verdict.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from deploy.arrays import ByteArray
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import load_bundle
from deploy.familiarity import read_familiarity
from deploy.locate import find_stone
from edge_app.defaults import SHIPPED_BUNDLE
from edge_app.machine import describe_machine
from edge_app.scanner import ScannedStone, Scanner
from edge_app.scanner.phases import Phase
from edge_app.scanner.tray import Tray
from edge_app.sources.demo import DemoSource
from edge_app.timing import StageTimes
from tests.trays import Laid, lay, photographed, tray

LOOK_P50_MS, VERDICT_P50_S = 2.0, 0.7
LOOKS = 200
KINDS = ("white", "grey", "black")


def main() -> int:
    """Measure, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stones", type=int, default=12, help="of the demo, 4 s each")
    parser.add_argument("--threads", type=int, default=2, help="of the model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    said = {**_looks(), **_verdicts(args.stones, args.threads)}
    _print(said)
    if args.json:
        args.json.write_text(json.dumps({"machine": describe_machine(), **said}, indent=1))
    return 0 if said["look_p50_ms"] < LOOK_P50_MS and said["verdict_p50_s"] < VERDICT_P50_S else 1


def _looks() -> dict[str, float]:
    """Each tray with a stone on it and without, by turns with the search that has no memory."""
    looks, searches = [], []
    for kind in KINDS:
        seen = Tray()
        ground = tray(kind)
        pictures = [_large(ground, grain) for grain in range(4)]
        pictures += [_large(lay(ground, Laid("Emerald", side=160)), grain) for grain in range(4)]
        for i in range(LOOKS):
            picture = pictures[0 if i < 20 else i // 20 % 2 * 4 + i % 4]
            looks.append(_timed(lambda: seen.look(picture, i / 30)))  # noqa: B023
            searches.append(_timed(lambda: find_stone(picture)))  # noqa: B023
    (p50, p95), search = np.percentile(looks, (50, 95)), float(np.median(searches))
    return {"look_p50_ms": float(p50), "look_p95_ms": float(p95), "find_stone_p50_ms": search}


def _large(picture: ByteArray, grain: int) -> ByteArray:
    return cv2.resize(photographed(picture, grain), (1280, 720))  # type: ignore[return-value]


def _timed(run: object) -> float:
    """Milliseconds of this thread alone, since machines are shared."""
    start = time.thread_time()
    run()  # type: ignore[operator]
    return (time.thread_time() - start) * 1000


def _verdicts(stones: int, threads: int) -> dict[str, float]:
    bundle = load_bundle(SHIPPED_BUNDLE)
    found: list[ScannedStone] = []
    times = StageTimes()
    waits: list[float] = []
    with OnnxCpuBackend(bundle, "int8", threads=threads) as backend:
        scanner = Scanner(
            backend, bundle.manifest, read_familiarity(bundle), times=times, on_stone=found.append
        )
        source = DemoSource(bundle.labels, fps=30, stones=stones)
        source_rested_s, before = 0.0, Phase.EMPTY
        with source:
            while (frame := source.read()) is not None:
                if source.truth is None:
                    source_rested_s = 0.0
                elif not source_rested_s:
                    source_rested_s = frame.captured_at
                scan = scanner.scan(frame.image_bgr, frame.captured_at)
                if scan.phase is Phase.VERDICT and before is not Phase.VERDICT:
                    waits.append(time.monotonic() - source_rested_s)
                before = scan.phase
        scanner.close()
    later = waits[1:]  # the first stone lies there before the tray is known
    p50, p95 = np.percentile(later, (50, 95))
    infer = times.spread("infer")
    return {
        "verdict_p50_s": float(p50),
        "verdict_p95_s": float(p95),
        "first_verdict_s": waits[0],
        "stones": stones,
        "results": len(found),
        "infer_p50_ms": infer.p50_ms if infer else 0.0,
        "right": sum(s.verdict.text == bundle.labels[i % 15] for i, s in enumerate(found)),
    }


def _print(said: dict[str, float]) -> None:
    table = Table("what", "value", title=describe_machine()["cpu"])
    for name, value in said.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
