"""What a camera's profile is worth: a bundle on photographs in other light, without and with it.

Every photograph is taken again by a simulated camera: the light's colour, the exposure and the
lens' falloff change, the sensor clips, and eight bits are left. Then it is classified as it is,
and after `gemscan calibrate-camera`'s own procedure on a white tray before the same camera.

    python -m tests.bench.light edge_app/models/gems15 PHOTOGRAPHS --classes classes15.txt
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from calibration.camera.correct import Correction
from calibration.camera.expose import set_exposure
from calibration.camera.measure import measure, white_level
from calibration.camera.profile import CameraProfile
from calibration.camera.settings import CameraSettings
from deploy.arrays import ByteArray
from deploy.backends import Backend, open_backend
from deploy.bundle import Bundle, load_bundle
from deploy.evaluation.reading import TRAINING, LabelMatcher, UsedPictures
from deploy.files import write_json
from deploy.folders import LabelledPicture, find_labelled, read_class_list
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture
from deploy.render.camera import SimulatedCamera

KELVINS = (2700.0, 3500.0, 4500.0, 5500.0, 6504.0, 7500.0)
STOPS = (-1.0, 0.0, 1.0)
VIGNETTES = (0.0, 0.5)
UNTOUCHED, WITHOUT, WITH, DIGITAL = "untouched", "without", "with", "digital"
COLUMNS = (WITH, WITHOUT, DIGITAL)
_START_US = 10_000.0

Change = Callable[[ByteArray], ByteArray]


@dataclass(frozen=True)
class Row:
    """How many pictures one condition gets right.

    column: "untouched", "without" a profile, "with" it, or "digital": with it, on a camera
        whose exposure cannot be set.
    right: a letter a picture, in the order of the pictures: 1 right, 0 wrong.
    """

    column: str
    kelvin: float
    stops: float
    vignette: float
    right: str

    def top1(self, chosen: Sequence[int]) -> float:
        """Of the pictures with these numbers."""
        return sum(self.right[i] == "1" for i in chosen) / max(1, len(chosen))


def main() -> int:
    """Measure and write every number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--classes", type=Path, help="a file with the folders to take, one a line")
    parser.add_argument("--seen", type=int, default=10_000, help="pictures of training, at most")
    parser.add_argument("--columns", nargs="+", choices=COLUMNS, default=COLUMNS)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    bundle = load_bundle(args.bundle)
    pictures, unseen = _chosen(bundle, args)
    with open_backend(bundle, "onnx-cpu", "auto", threads=1) as backend:
        bench = _Bench(bundle, backend, pictures)
        rows = []
        for row in bench.rows(args.columns):
            rows.append(row)
            everything = range(len(pictures))
            print(
                f"{row.column:9} {row.kelvin:5.0f} K {row.stops:+.0f} stops {row.vignette:.1f}  "
                f"unseen {row.top1(unseen):.1%}  all {row.top1(everything):.1%}",
                flush=True,
            )
            write_json(args.json, {"unseen": unseen, "rows": [asdict(row) for row in rows]})
    return 0


def _chosen(bundle: Bundle, args: argparse.Namespace) -> tuple[list[LabelledPicture], list[int]]:
    """Every picture that taught nothing, a seeded choice of the others, the former's numbers."""
    classes = read_class_list(args.classes) if args.classes else None
    pictures = find_labelled(args.photographs, classes)
    used = UsedPictures(bundle)
    seen = [p for p in pictures if TRAINING in used.of(p)]
    unseen = [p for p in pictures if p not in seen]
    order = np.random.default_rng(0).permutation(len(seen))[: args.seen]
    chosen = unseen + [seen[i] for i in sorted(order)]
    return chosen, list(range(len(unseen)))


class _Bench:
    def __init__(
        self, bundle: Bundle, backend: Backend, pictures: Sequence[LabelledPicture]
    ) -> None:
        self._manifest = bundle.manifest
        self._backend = backend
        matcher = LabelMatcher(bundle.labels)
        self._truth = [matcher.index(p.label) for p in pictures]
        self._pixels = [read_picture(p.path) for p in pictures]

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Untouched first, then each column's conditions. An exposure that is settled by the
        procedure ends at the same place whatever it starts from, so it starts from one alone."""
        yield self._row(UNTOUCHED, SimulatedCamera(), lambda pixels: pixels)
        for column in columns:
            stops = (0.0,) if column == WITH else STOPS
            for condition in itertools.product(KELVINS, stops, VIGNETTES):
                camera = SimulatedCamera(*condition)
                yield self._row(column, camera, _change(column, camera))

    def _row(self, column: str, camera: SimulatedCamera, change: Change) -> Row:
        right = "".join(
            "01"[self._answer(change(pixels)) == truth]
            for pixels, truth in zip(self._pixels, self._truth, strict=True)
        )
        return Row(column, camera.kelvin, camera.stops, camera.vignette, right)

    def _answer(self, picture_bgr: ByteArray) -> int:
        square = preprocess_picture(picture_bgr, self._manifest.framing, self._manifest.input)
        return int(self._backend.infer(square[None]).logits[0].argmax())


def _change(column: str, camera: SimulatedCamera) -> Change:
    if column == WITHOUT:
        return camera.shoot
    return lambda pixels: corrected(camera, pixels, settable=column == WITH)


def corrected(camera: SimulatedCamera, scene_bgr: ByteArray, *, settable: bool = True) -> ByteArray:
    """What a calibrated camera makes of a scene; its exposure is settled first where it can be."""
    shape = scene_bgr.shape[:2]
    camera, profile = calibrated(camera, shape, settable)
    return Correction(profile, shape).apply(camera.shoot(scene_bgr))


@lru_cache(maxsize=512)
def calibrated(
    camera: SimulatedCamera, shape: tuple[int, int], settable: bool
) -> tuple[SimulatedCamera, CameraProfile]:
    """The procedure of `gemscan calibrate-camera`, before a white tray."""
    tray = np.full((*shape, 3), 255, np.uint8)
    if settable:
        camera = _settled(camera, tray)
    measured = measure([camera.shoot(tray)], force=not settable)
    return camera, measured.profile("simulated", CameraSettings(), ())


def _settled(camera: SimulatedCamera, tray: ByteArray) -> SimulatedCamera:
    def exposed(exposure_us: float) -> SimulatedCamera:
        return camera.exposed(camera.stops + float(np.log2(exposure_us / _START_US)))

    held = [_START_US]

    def hold(exposure_us: float) -> float:
        held[0] = exposure_us
        return exposure_us

    set_exposure(lambda: white_level(exposed(held[0]).shoot(tray)), hold, _START_US)
    return exposed(held[0])


if __name__ == "__main__":
    raise SystemExit(main())
