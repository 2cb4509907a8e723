"""What an engine is built from, as a digest: the same digest, the same engine on the same device.

Not in it, since no builder reads it: labels, thresholds, familiarity, names, metrics, and the model
that a recipe leaves alone. Nor what one build was told by flags (`--workspace-mb`, `--images`): a
`gemscan run`, which has no such flags, must find what they built. The sidecar says those, and
`gemscan build --force` builds again. How the builder is set otherwise is counted by
`deploy.engine.record.SCHEMA`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import PurePosixPath

from deploy.arrays import Json
from deploy.bundle import MODEL_FILES, Bundle
from deploy.engine.recipe import CALIBRATOR, INT8_QDQ, Recipe

# What `gemscan calibrate` writes: its record, and the folder of the pictures that it keeps.
CALIBRATION = ("calibration.json", "calibration")


def source_precision(bundle: Bundle, recipe: Recipe) -> str:
    """Which of the bundle's models an engine is built from, "int8" or "fp32".

    Raises:
        BundleError: the recipe is Q/DQ, and the bundle holds no INT8 model.
    """
    if recipe == INT8_QDQ:
        return bundle.choose_precision("int8")
    return "fp32" if "fp32" in bundle.precisions else "int8"


def source_digest(bundle: Bundle, recipe: Recipe) -> str:
    """64 hexadecimal digits over all of the bundle that the build of a recipe reads.

    Raises:
        As `source_precision`.
    """
    manifest = bundle.manifest
    model = manifest.files[MODEL_FILES[source_precision(bundle, recipe)]]
    said: Json = {"model": model, "input": asdict(manifest.input)}
    if recipe.method == CALIBRATOR:
        said |= {"framing": asdict(manifest.framing), "calibration": _calibration(manifest.files)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _calibration(files: dict[str, str]) -> dict[str, str]:
    """What chose the pictures that TensorRT's calibrator is shown."""
    return {
        name: said for name, said in files.items() if PurePosixPath(name).parts[0] in CALIBRATION
    }
