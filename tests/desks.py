"""An operator's desk to try things at: stones that were scanned, and looks at them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.bundle import EMBEDDING_SIZE, Bundle
from deploy.decision import NAME, Candidate, Verdict
from deploy.preprocess import SquareBox
from deploy.record.stones import new_key
from edge_app.desk.desk import Desk
from edge_app.desk.keeping import Keeper
from edge_app.live.tray_light import TrayLight
from edge_app.record.recorder import Recorder
from edge_app.scanner.stone import ScannedStone, StoneView
from edge_app.sources.demo import DemoSource

RUBY = Verdict(NAME, (Candidate("Ruby", 0.9), Candidate("Spinel", 0.1)))


def scanned(**other: Any) -> ScannedStone:
    """A stone that was named and lifted a second ago; keywords change what is given."""
    now = time.monotonic()
    said: dict[str, Any] = {
        "key": new_key(),
        "rested_s": now - 5,
        "verdict_s": now - 4.4,
        "lifted_s": now - 1,
        "verdict": RUBY,
        "familiarity": 12.5,
        "embedding": np.ones(EMBEDDING_SIZE, np.float32),
        "frames": 7,
        "frame_bgr": np.full((48, 64, 3), 90, np.uint8),
        "box": SquareBox(8, 0, 48),
    }
    return ScannedStone(**{**said, **other})


def embedding(seed: int) -> FloatArray:
    """(2048,): kinds of different seeds are not alike."""
    values = np.random.default_rng(seed).exponential(1.0, EMBEDDING_SIZE) ** 4
    return np.asarray(values, np.float32)


def look(key: str, seed: int = 0) -> StoneView:
    """A look of the network at a stone."""
    crop: ByteArray = np.full((32, 32, 3), 60 + seed, np.uint8)
    return StoneView(key, embedding(seed), crop)


def make_desk(recorder: Recorder | None, folder: Path, bundle: Bundle, backend: Any) -> Desk:
    """A desk over a recorder that was entered; None is a run that keeps nothing."""
    if recorder is None:
        return Desk(None, None, None, bundle.network_digest, bundle.labels)
    keeper = Keeper(recorder, bundle, backend, TrayLight(DemoSource(("Ruby",))))
    desk = Desk(keeper, recorder, folder, bundle.network_digest, bundle.labels)
    desk.lessons.look_timeout_s = 20.0  # the machine may be busy
    return desk


def until(holds: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)
