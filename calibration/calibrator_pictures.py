"""The pictures that TensorRT's calibrator looks at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from calibration.calibrate import KEPT_IMAGES
from calibration.pictures import FEWEST, choose_pictures, find_candidates, uses_of
from deploy.arrays import ByteArray
from deploy.bundle import Bundle
from deploy.errors import DataError
from deploy.evaluation.reading import CALIBRATION, UsedPictures
from deploy.folders import LabelledPicture

COUNT = 128


@dataclass(frozen=True)
class CalibrationPictures:
    """squares: each (size, size, 3) uint8, RGB. digests: which pictures they are, by class."""

    squares: list[ByteArray]
    digests: dict[str, list[str]]


def calibration_pictures(bundle: Bundle, images: Path | None) -> CalibrationPictures:
    """The pictures of the bundle's own calibration where they are at hand, else others.

    Args:
        images: a folder of photographs, or None: the squares that the bundle keeps, see
            `gemscan calibrate --keep-images`.

    Raises:
        DataError: there are no pictures, or fewer than 8 that can serve.
    """
    return _kept(bundle) if images is None else _chosen(bundle, images)


def kept_images(bundle: Bundle) -> list[PurePosixPath]:
    """The squares that the bundle keeps, as calibration/CLASS/DIGEST.png."""
    names = [PurePosixPath(name) for name in sorted(bundle.manifest.files)]
    return [name for name in names if name.parts[0] == KEPT_IMAGES and name.suffix == ".png"]


def _kept(bundle: Bundle) -> CalibrationPictures:
    names = kept_images(bundle)
    if not names:
        raise DataError(
            "TensorRT's calibrator needs photographs: give --images DIR, or keep them in the "
            "bundle with: gemscan calibrate BUNDLE --images DIR --keep-images"
        )
    digests: dict[str, list[str]] = {}
    for name in names:
        digests.setdefault(name.parts[-2], []).append(name.stem)
    squares = [np.array(Image.open(bundle.root / name).convert("RGB")) for name in names]
    return CalibrationPictures(squares, digests)


def _chosen(bundle: Bundle, images: Path) -> CalibrationPictures:
    candidates = find_candidates(images, bundle.labels)
    used = _used_before(bundle, candidates)
    chosen = choose_pictures(used or candidates, bundle, len(used) or COUNT)
    digests: dict[str, list[str]] = {}
    for picture in chosen:
        digests.setdefault(picture.picture.label, []).append(picture.digest)
    return CalibrationPictures([np.ascontiguousarray(p.square) for p in chosen], digests)


def _used_before(bundle: Bundle, candidates: list[LabelledPicture]) -> list[LabelledPicture]:
    """Those that chose the ranges of the bundle's INT8 model, if they are enough."""
    used = UsedPictures(bundle)
    found = [picture for picture in candidates if CALIBRATION in uses_of(used, picture)]
    return found if len(found) >= FEWEST else []
