"""The pictures that confidence is fitted and judged on, as the bundle's model sees them."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deploy.arrays import ByteArray, FloatArray
from deploy.backends.base import Backend
from deploy.bundle import Bundle
from deploy.errors import DataError, PictureError
from deploy.evaluation.reading import TRAINING, LabelMatcher, UsedPictures
from deploy.folders import LabelledPicture, find_labelled
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture
from train.confidence.rows import Rows
from train.confidence.views import views

logger = logging.getLogger(__name__)
Progress = Callable[[Sequence[Any], str], Iterable[Any]]


@dataclass(frozen=True)
class Sides:
    """Pictures of known kinds that taught the model, of known kinds that did not, and of others.

    extra: of known kinds, which teach as they are: drawn stones, of which views tell no more.
    """

    teaching: list[LabelledPicture]
    judging: list[LabelledPicture]
    others: list[LabelledPicture]
    extra: list[LabelledPicture] = field(default_factory=list)


@dataclass(frozen=True)
class Seen(Rows):
    """What the model made of pictures and of views of them.

    kinds: (N,) the bundle's label, or for an unknown kind its folder's name.
    picture, plain: of `Rows`.
    """

    logits: FloatArray
    embedding: FloatArray
    kinds: npt.NDArray[np.str_]
    picture: npt.NDArray[np.int64]
    plain: npt.NDArray[np.bool_]

    def targets(self, labels: Sequence[str]) -> npt.NDArray[np.int64]:
        """(N,) class numbers of known kinds."""
        return np.array([labels.index(kind) for kind in self.kinds], np.int64)


def find_sides(
    bundle: Bundle,
    images: Sequence[Path],
    *,
    others: Path | None = None,
    extra: Path | None = None,
    most: int,
    seed: int = 0,
) -> Sides:
    """Sort pictures by what they may serve for.

    Args:
        images: folders of class folders; kinds that the bundle does not know are left out.
        others: the same with kinds that it is not to know; folders named like labels are left out.
        extra: the same with pictures that only ever teach, as `gemscan train --extra` takes it.
        most: pictures of one kind that teach, and of one kind of the others.

    Raises:
        DataError: a folder cannot be read, or the pictures cannot serve.
    """
    matcher, used = LabelMatcher(bundle.labels), UsedPictures(bundle)
    found = _renamed([p for folder in images for p in find_labelled(folder)], bundle, matcher)
    teaching = [picture for picture in found if TRAINING in used.of(picture)]
    judging = sorted(set(found) - set(teaching), key=lambda picture: str(picture.path))
    unknown = find_unknown(others, bundle.labels) if others is not None else []
    if missing := sorted(set(bundle.labels) - {p.label for p in teaching}):
        raise DataError(
            f"none of the pictures of {', '.join(missing)} taught the model. Familiarity needs "
            "some for every label: give the folders that it was trained on."
        )
    if not judging:
        raise DataError(
            "every picture taught the model, and none is left to choose thresholds on. Give the "
            "validation pictures too, or new ones."
        )
    drawn = _renamed(find_labelled(extra), bundle, matcher) if extra is not None else []
    return Sides(
        some(teaching, most, seed),
        judging,
        some(unknown, most, seed),
        some(drawn, most, seed),
    )


def find_unknown(folder: Path, labels: Sequence[str]) -> list[LabelledPicture]:
    """The pictures of kinds that are no label.

    Raises:
        DataError: the folder cannot be read, or every kind in it is a label.
    """
    matcher = LabelMatcher(labels)
    unknown = [p for p in find_labelled(folder) if matcher.index(p.label) is None]
    if not unknown:
        raise DataError(
            f"every class folder of {folder} is one of the bundle's labels. For others give "
            "photographs of kinds that it is not to know."
        )
    return unknown


def _renamed(
    pictures: Iterable[LabelledPicture], bundle: Bundle, matcher: LabelMatcher
) -> list[LabelledPicture]:
    """Known pictures under the bundle's names, each once."""
    indices = [(picture, matcher.index(picture.label)) for picture in pictures]
    known = {p.path.resolve(): (p, bundle.labels[i]) for p, i in indices if i is not None}
    return [LabelledPicture(picture.path, label) for picture, label in known.values()]


def some(pictures: Sequence[LabelledPicture], most: int, seed: int) -> list[LabelledPicture]:
    """At most so many of each kind, kind by kind."""
    by_kind: dict[str, list[LabelledPicture]] = {}
    for picture in pictures:
        by_kind.setdefault(picture.label, []).append(picture)
    order = random.Random(seed)
    return [
        picture
        for kind in sorted(by_kind)
        for picture in order.sample(by_kind[kind], min(most, len(by_kind[kind])))
    ]


def look(
    bundle: Bundle,
    backend: Backend,
    pictures: Sequence[LabelledPicture],
    progress: Progress,
    title: str,
    *,
    extra_views: int = 0,
) -> Seen:
    """Run the model on pictures, and on so many views of each. Unreadable ones are left out.

    Raises:
        DataError: there are pictures, and none can be read.
        BackendError: the device failed.
    """
    rows = []
    for number, picture in enumerate(progress(pictures, title)):
        rng = np.random.default_rng([number, extra_views])
        for view, square in enumerate(_squares(bundle, picture, extra_views, rng)):
            made = backend.infer(square[None])
            rows.append((made.logits[0], made.embedding[0], picture.label, number, view == 0))
    if pictures and not rows:
        raise DataError(f"none of the {len(pictures)} pictures could be read. Give others.")
    return _stacked(rows, len(bundle.labels))


def look_at(bundle: Bundle, backend: Backend, pictures_bgr: Sequence[ByteArray], kind: str) -> Seen:
    """Run the model on pictures in memory, all of one kind."""
    rows = []
    for number, picture in enumerate(pictures_bgr):
        made = backend.infer(_square(bundle, picture)[None])
        rows.append((made.logits[0], made.embedding[0], kind, number, True))
    return _stacked(rows, len(bundle.labels))


def _squares(
    bundle: Bundle, picture: LabelledPicture, count: int, rng: np.random.Generator
) -> Iterator[ByteArray]:
    try:
        pixels = read_picture(picture.path)
    except PictureError as exc:
        logger.warning("left out: %s", exc)
        return
    yield from (_square(bundle, view) for view in views(pixels, count, rng))


def _square(bundle: Bundle, picture_bgr: ByteArray) -> ByteArray:
    return preprocess_picture(picture_bgr, bundle.manifest.framing, bundle.manifest.input)


def _stacked(rows: Sequence[tuple[Any, ...]], labels: int) -> Seen:
    if not rows:
        empty = np.empty((0, labels), np.float32), np.empty((0, 2048), np.float32)
        return Seen(*empty, np.empty(0, np.str_), np.empty(0, np.int64), np.empty(0, bool))
    logits, embedding, kinds, numbers, plain = zip(*rows, strict=True)
    return Seen(
        np.stack(logits), np.stack(embedding), np.array(kinds), np.array(numbers), np.array(plain)
    )
