"""What recording costs: `python -m tests.bench.record FOLDER`, on the disk that is asked about.

Most stones get a small frame, so that the database grows to its size without hours of JPEG; the
last ones get a camera's.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from pathlib import Path

import numpy as np

import gemscan
from deploy.decision import Candidate, Verdict
from deploy.record.place import DATABASE
from deploy.record.stones import Setup, Stone, utc_now
from edge_app.record.files import StonePictures
from edge_app.record.recorder import Recorder
from edge_app.record.store import Store
from edge_app.sources.demo import DemoSource

SETUP = Setup("gems15", "1", "d" * 64, "onnx-cpu", "int8", "usb-cam")
LABELS = ("Ruby", "Spinel", "Emerald", "Iolite")


def main() -> int:
    """Print p50 and p95 of `add`, and the time of the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--stones", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=100, help="stones with a frame of 720 lines")
    parser.add_argument("--limit-mb", type=int, default=128)
    args = parser.parse_args()
    with DemoSource(LABELS, fps=0) as source:
        frame = [read.image_bgr for _ in range(60) if (read := source.read())][-1]
    large = StonePictures(frame, np.ascontiguousarray(frame[200:520, 480:800]))
    small = StonePictures(frame[::8, ::8].copy(), large.crop_bgr[::4, ::4].copy())
    with Store(args.folder, limit_bytes=args.limit_mb << 20) as store:
        add(store, small, args.stones // 10, "empty record, small frames")
        add(store, small, args.stones - args.stones // 10, "filled record, small frames")
        add(store, large, args.large, "720p frames")
    loop_waits(args.folder, large)
    print(f"database: {(args.folder / DATABASE).stat().st_size / 1e6:.1f} MB")
    began = time.perf_counter()
    Store(args.folder, limit_bytes=args.limit_mb << 20).close()
    print(f"opened again, swept: {time.perf_counter() - began:.2f} s")
    for flags in ([], ["--csv"], ["--since", "1m"], ["--refer"]):
        show(args.folder, flags)
    return 0


def add(store: Store, pictures: StonePictures, count: int, what: str) -> None:
    """Add so many stones; what each took, and how much of that was this process's work."""
    took, worked = [], time.process_time()
    for number in range(count):
        stone = made(number)
        began = time.perf_counter()
        store.add(stone, pictures)
        took.append(time.perf_counter() - began)
    worked = (time.process_time() - worked) / max(1, count)
    p50, p95 = np.percentile(np.array(took) * 1000, [50, 95])
    print(f"{what}: add p50 {p50:.1f} ms, p95 {p95:.1f} ms, processor {worked * 1000:.1f} ms")


def made(number: int) -> Stone:
    """A stone of some kind."""
    random = np.random.default_rng(number)
    candidates = tuple(Candidate(label, 0.25) for label in random.permutation(LABELS).tolist())
    kind = ("name", "name", "list", "refer")[number % 4]
    return Stone(
        Verdict(kind, candidates, 2 * (kind == "list")),
        utc_now(),
        utc_now(),
        0.4,
        SETUP,
        embedding=random.random(2048, np.float32),
    )


def loop_waits(folder: Path, pictures: StonePictures) -> None:
    """What the live loop pays for a stone: a copy of its pictures."""
    waits = []
    with Recorder(folder) as recorder:
        for number in range(50):
            stone = made(number)
            began = time.perf_counter()
            future = recorder.add(stone, pictures)
            waits.append(time.perf_counter() - began)
            future.result(30)
    p50, p95 = np.percentile(np.array(waits) * 1000, [50, 95])
    print(f"the loop waits: p50 {p50:.2f} ms, p95 {p95:.2f} ms")


def show(folder: Path, flags: list[str]) -> None:
    """The time of one `gemscan log`, without the start of Python."""
    began, out = time.perf_counter(), io.StringIO()
    with contextlib.redirect_stdout(out):
        gemscan.main(["log", "--folder", str(folder), *flags])
    took, lines = time.perf_counter() - began, out.getvalue().count("\n")
    print(f"gemscan log {' '.join(flags)}: {took:.2f} s, {lines} lines")


if __name__ == "__main__":
    raise SystemExit(main())
