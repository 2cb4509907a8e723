"""Golden pictures: drawn stones, so that no photograph travels with a bundle."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.bundle import BundleDraft
from deploy.files import storage_errors
from deploy.golden.familiarity import add_golden_familiarity
from deploy.golden.golden import Golden, golden_batch, largest_gap, write_golden
from deploy.golden.ways import MOVED, hear, moved
from deploy.preprocess import Framing, frame_box
from deploy.render import render_stone

GOLDEN_PICTURES = 6
GOLDEN_PX = 288
GOLDEN_TRIES = 10


def draw_golden(draft: BundleDraft) -> None:
    """Draw the golden pictures of a bundle in the making, and keep what its model says of them.

    Raises:
        StorageError: they cannot be written.
    """
    labels, framing = draft.require_manifest().labels, draft.require_manifest().framing
    folder = draft.root / "golden"
    with storage_errors(folder):
        folder.mkdir(exist_ok=True)
    chosen = labels[:: max(1, len(labels) // GOLDEN_PICTURES)][:GOLDEN_PICTURES]
    names = tuple(f"{number}.png" for number in range(len(chosen)))
    for name, label in zip(names, chosen, strict=True):
        _write_png(folder / name, _golden_picture(label, framing))
    bundle = draft.as_bundle()
    heard = hear(bundle, "fp32", golden_batch(bundle, Golden(names, {}, {}, "")))
    logits = heard.expected.logits
    tolerance = round(max(0.05, 4 * largest_gap(heard.others[MOVED].logits, logits)), 3)
    why = (
        "fp32: four times the largest change seen when every pixel moves by one level at random, "
        "as another OpenCV's resizing may do, and at least 0.05."
    )
    write_golden(draft.root, Golden(names, {"fp32": logits.tolist()}, {"fp32": tolerance}, why))
    add_golden_familiarity(draft.as_bundle(), {"fp32": heard})


def _golden_picture(label: str, framing: Framing) -> ByteArray:
    """A drawn stone whose square does not hang on how another OpenCV rounds."""
    for seed in range(len(label), len(label) + GOLDEN_TRIES):
        picture = render_stone(label, np.random.default_rng(seed), GOLDEN_PX)
        if _steady(picture, framing):
            break
    return picture


def _steady(picture: ByteArray, framing: Framing) -> bool:
    """Whether the square stays when every pixel moves by at most one level."""
    box = frame_box(picture, framing)
    others = (moved(picture, seed) for seed in range(GOLDEN_TRIES))
    return all(frame_box(other, framing) == box for other in others)


def _write_png(path: Path, picture_bgr: ByteArray) -> None:
    with storage_errors(path):
        path.write_bytes(cv2.imencode(".png", picture_bgr)[1].tobytes())
