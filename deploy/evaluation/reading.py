"""Pictures from files, prepared in a few threads ahead of the network."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from deploy.arrays import ByteArray
from deploy.bundle import Bundle
from deploy.errors import DataError, PictureError
from deploy.folders import LabelledPicture
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture
from deploy.spelling import name_key

log = logging.getLogger(__name__)

READERS = 2
AHEAD = 8  # squares of 150 kB each that may wait for the network

TRAINING, VALIDATION, CALIBRATION = "training", "validation", "calibration"
CONFIDENCE = "confidence"  # it chose thresholds, or fitted familiarity as one of the others


@dataclass(frozen=True)
class ReadPicture:
    """One labelled picture, prepared.

    square: (size, size, 3) uint8, RGB, or None where the file cannot be read.
    uses: of "training", "validation", "calibration" and "confidence", those that the bundle's
        records say this very file served for.
    """

    picture: LabelledPicture
    square: ByteArray | None
    uses: tuple[str, ...] = ()


def read_ahead(bundle: Bundle, pictures: Sequence[LabelledPicture]) -> Iterator[ReadPicture]:
    """Prepare pictures for a bundle's network, in order; only a few wait in memory at a time.

    A file that cannot be read is logged with the reason and comes with `square=None`.
    """
    used = UsedPictures(bundle)
    waiting: deque[Future[ReadPicture]] = deque()
    remaining = iter(pictures)
    with ThreadPoolExecutor(READERS) as pool:
        try:
            for picture in islice(remaining, AHEAD):
                waiting.append(pool.submit(_read, bundle, used, picture))
            while waiting:
                yield waiting.popleft().result()
                for picture in islice(remaining, 1):
                    waiting.append(pool.submit(_read, bundle, used, picture))
        finally:  # also when the caller stops early: Ctrl-C must not wait for the queue
            for future in waiting:
                future.cancel()


def _read(bundle: Bundle, used: UsedPictures, picture: LabelledPicture) -> ReadPicture:
    manifest = bundle.manifest
    try:
        pixels = read_picture(picture.path)
        uses = used.of(picture)
    except (PictureError, DataError) as exc:
        log.warning("left out: %s", exc)
        return ReadPicture(picture, None)
    return ReadPicture(picture, preprocess_picture(pixels, manifest.framing, manifest.input), uses)


class UsedPictures:
    """What a bundle says about the pictures it was made from, by their digests.

    `training.json` holds {"training": [...], "validation": [...]}, `calibration.json`
    {"digests": {class: [...]}} and `confidence.json` {"judging": [...], "others": [...]}. A
    bundle without them knows of no picture.
    """

    def __init__(self, bundle: Bundle) -> None:
        training = bundle.read_json("training.json")
        self._digests = {
            TRAINING: _words(training.get("training")),
            VALIDATION: _words(training.get("validation")),
            CALIBRATION: _words(bundle.read_json("calibration.json").get("digests")),
            CONFIDENCE: _words(bundle.read_json("confidence.json")),
        }

    def __bool__(self) -> bool:
        return any(self._digests.values())

    def of(self, picture: LabelledPicture) -> tuple[str, ...]:
        """The uses of one picture; files are only hashed where there is something to look up.

        Raises:
            DataError: the file is gone or cannot be read.
        """
        if not self:
            return ()
        digest = picture.digest()
        return tuple(use for use, digests in self._digests.items() if digest in digests)


def _words(said: object) -> frozenset[str]:
    """Every string in a list, or in a mapping of lists."""
    if isinstance(said, Mapping):
        return frozenset().union(*(_words(part) for part in said.values()))
    return frozenset(str(word) for word in said) if isinstance(said, list) else frozenset()


class LabelMatcher:
    """Which label of a bundle a folder's name means.

    Case, blanks, "_", "-" and Unicode's form (a Mac's folders have another) do not matter.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._index = {_key(label): i for i, label in enumerate(labels)}
        self._index.update({label: i for i, label in enumerate(labels)})  # exact names come first

    def index(self, folder_name: str) -> int | None:
        """The label's index, or None where the bundle does not know the class."""
        if folder_name in self._index:
            return self._index[folder_name]
        return self._index.get(_key(folder_name))


def _key(name: str) -> str:
    return "".join(c for c in name_key(name) if c not in " _-")
