"""A process that records stone after stone and says each number, for a test that kills it.

It begins when it is told a folder and a limit, a line each, so that its imports are done by then.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from deploy.decision import Candidate, Verdict
from deploy.record.stones import Setup, Stone, utc_now
from edge_app.record.files import StonePictures
from edge_app.record.store import Store

SETUP = Setup("gems15", "1", "d" * 64, "onnx-cpu", "int8", "usb-cam")

if __name__ == "__main__":
    pixels = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    folder, limit = (sys.stdin.readline().rstrip("\n") for _ in range(2))
    with Store(Path(folder), limit_bytes=int(limit)) as store:
        while True:
            verdict = Verdict("name", (Candidate("Ruby", 0.9), Candidate("Spinel", 0.1)))
            stone = Stone(verdict, utc_now(), utc_now(), 0.4, SETUP)
            print(store.add(stone, StonePictures(pixels, pixels[:64, :64])), flush=True)
