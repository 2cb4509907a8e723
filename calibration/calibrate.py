"""A bundle gets its INT8 model: choose pictures, measure ranges, write Q/DQ, prove the rules."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from calibration.golden_int8 import add_golden_int8
from calibration.pictures import ChosenPicture, choose_pictures, find_candidates
from calibration.quantize import REMEDY, Ranges, quantize
from calibration.ranges import measure_ranges
from calibration.rules import prove_rules
from deploy.arrays import ByteArray, Json
from deploy.bundle import MODEL_FILES, Bundle, Manifest, edit_bundle
from deploy.errors import require
from deploy.files import storage_errors, write_bytes, write_json

RECORD = "calibration.json"
KEPT_IMAGES = "calibration"
BATCH = 4  # pictures whose intermediate tensors are in memory at once, 90 MB each

Progress = Callable[[Sequence[ByteArray]], Iterable[ByteArray]]


@dataclass(frozen=True)
class Settings:
    """How to calibrate.

    count: pictures to look at.
    method: "percentile", "entropy" or "minmax".
    keep_images: put the squares that were looked at into the bundle as well.
    threads: for ONNX Runtime; 0 lets it decide.
    seed: chooses among pictures that serve equally.
    """

    count: int = 128
    method: str = "percentile"
    keep_images: bool = False
    threads: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Calibrated:
    """What was done: pictures looked at, classes among them, ranges, size, golden tolerance."""

    pictures: int
    classes: int
    ranges: int
    size_bytes: int
    golden_tolerance: float | None


def calibrate_bundle(
    bundle: Bundle, images: Path, settings: Settings, *, progress: Progress = iter
) -> Calibrated:
    """Put an INT8 model, its record and its golden logits into a bundle, whole or not at all.

    Args:
        progress: given the batches, hands them on one by one and shows how far it is.

    Raises:
        BundleError: the bundle has no float32 model.
        DataError: the pictures cannot serve.
        RulesError: the graph that came out breaks TensorRT's rules.
        StorageError: the bundle cannot be written.
    """
    model = bundle.model("fp32")
    chosen = choose_pictures(
        find_candidates(images, bundle.labels), bundle, settings.count, seed=settings.seed
    )
    batches = progress(_batches(chosen))
    ranges = measure_ranges(model, batches, settings.method, threads=settings.threads)
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        size_bytes = _write_model(model, ranges, draft.root / MODEL_FILES["int8"])
        write_json(draft.root / RECORD, _record(chosen, ranges, settings))
        _keep_images(draft.root / KEPT_IMAGES, chosen if settings.keep_images else [])
        tolerance = add_golden_int8(draft.as_bundle())
        draft.manifest = _without_int8_scores(draft.require_manifest())
    labels = {picture.picture.label for picture in chosen}
    return Calibrated(len(chosen), len(labels), len(ranges), size_bytes, tolerance)


def drop_float32(bundle: Bundle) -> None:
    """Leave the float32 model out: what goes to devices is then a quarter of the size.

    Raises:
        StorageError: the bundle cannot be written.
    """
    with edit_bundle(bundle.root, start_from=bundle) as draft, storage_errors(draft.root):
        (draft.root / MODEL_FILES["fp32"]).unlink()


def _batches(chosen: Sequence[ChosenPicture]) -> list[ByteArray]:
    squares = np.stack([picture.square for picture in chosen])
    return [squares[i : i + BATCH] for i in range(0, len(squares), BATCH)]


def _write_model(model: Path, ranges: Ranges, out: Path) -> int:
    quantized = quantize(model, ranges)
    prove_rules(quantized)
    data: bytes = quantized.SerializeToString()
    write_bytes(out, data)
    return len(data)


def _record(chosen: Sequence[ChosenPicture], ranges: Ranges, settings: Settings) -> Json:
    digests: dict[str, list[str]] = {}
    for picture in chosen:
        digests.setdefault(picture.picture.label, []).append(picture.digest)
    return {
        "method": settings.method,
        "count": len(chosen),
        "seed": settings.seed,
        "digests": {label: digests[label] for label in sorted(digests)},
        "ranges": {name: list(ranges[name]) for name in sorted(ranges)},
        "versions": {
            name: require(name, remedy=REMEDY).__version__ for name in ("onnx", "onnxruntime")
        },
    }


def _keep_images(folder: Path, chosen: Sequence[ChosenPicture]) -> None:
    """Write the squares as CLASS/DIGEST.png; those of an earlier calibration go."""
    with storage_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        for picture in chosen:
            place = folder / (picture.picture.label or "pictures")
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture.square).save(place / f"{picture.digest}.png")


def _without_int8_scores(manifest: Manifest) -> Manifest:
    """What `gemscan evaluate --save` measured of an earlier INT8 model is not true of this one."""
    scores = manifest.metrics.get("evaluation", [])
    kept = [score for score in scores if score.get("precision") != "int8"]
    metrics = {name: said for name, said in manifest.metrics.items() if name != "evaluation"}
    return replace(manifest, metrics=metrics | ({"evaluation": kept} if kept else {}))
