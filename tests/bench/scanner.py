"""`python -m tests.bench.scanner`: what a look at the tray costs.

It is timed on drawn trays of 1280 x 720 pixels; `find_stone`, which needs no memory of the tray,
beside it, since machines differ. How soon a verdict comes: `python -m tests.bench.verdict`.
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
from deploy.locate import find_stone
from edge_app.machine.facts import describe_machine
from edge_app.scanner.tray import Tray
from tests.trays import Laid, lay, photographed, tray

LOOK_P50_MS = 2.0
LOOKS = 200
KINDS = ("white", "grey", "black")


def main() -> int:
    """Measure, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    said = _looks()
    _print(said)
    if args.json:
        args.json.write_text(json.dumps({"machine": describe_machine(), **said}, indent=1))
    return 0 if said["look_p50_ms"] < LOOK_P50_MS else 1


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


def _print(said: dict[str, float]) -> None:
    table = Table("what", "value", title=describe_machine()["cpu"])
    for name, value in said.items():
        table.add_row(name, f"{value:.3f}")
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
