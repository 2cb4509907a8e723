"""Putting a fitted confidence into a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

from deploy.arrays import Json
from deploy.bundle import BundleDraft
from deploy.errors import DataError
from deploy.familiarity import write_familiarity
from deploy.files import write_json
from deploy.folders import LabelledPicture
from train.confidence.collect import Sides
from train.confidence.fit import Confidence, Looked, Settings

USED = "confidence.json"
NOTE = (
    "known: thresholds cross-fitted over the judging pictures; unknown and auroc: familiarity "
    "cross-fitted over the kinds of the others"
)
NOTE_OF_OTHERS = (
    "; the network itself was taught kinds of the others, so kinds that nobody taught it fare worse"
)
NOTE_OF_FOLDS = (
    "known: each picture judged by a run of a cross-validation that saw neither it nor a "
    "near-duplicate of it, thresholds cross-fitted over these pictures; unknown and auroc: "
    "familiarity cross-fitted over the kinds of the others, known pictures of auroc the validation "
    "pictures of the run itself"
)


def put_in(
    draft: BundleDraft,
    fitted: Confidence,
    looked: Looked,
    settings: Settings,
    precision: str,
    *,
    knew_others: bool = False,
) -> None:
    """Write familiarity, decision and what was measured into a bundle that is being made.

    knew_others: of `knew`.

    Raises:
        StorageError: it cannot be written.
    """
    write_familiarity(draft.root, fitted.familiarity)
    manifest = draft.require_manifest()
    said = _record(fitted, looked, settings, precision, knew_others) | fitted.measured.as_json()
    metrics = _without_verdicts(manifest.metrics) | {"confidence": said}
    draft.manifest = replace(manifest, decision=fitted.decision, metrics=metrics)


def write_used(root: Path, judging: Sequence[str], others: Sequence[str]) -> None:
    """Write `confidence.json` into a bundle that is being made: which pictures say less since.

    Args:
        judging, others: digests.

    Raises:
        StorageError: it cannot be written.
    """
    write_json(root / USED, {"judging": [*judging], "others": [*others]})


def knew(taught: Iterable[str], sides: Sides) -> bool:
    """Whether some of the others taught the network, as classes that it lost again.

    Args:
        taught: digests.
    """
    return not set(taught).isdisjoint(digests(sides.others))


def digests(pictures: Sequence[LabelledPicture]) -> list[str]:
    """Of those pictures that are still there."""
    found = []
    for picture in pictures:
        with suppress(DataError):  # gone by now: nobody will be misled by it
            found.append(picture.digest())
    return found


def _without_verdicts(metrics: Json) -> Json:
    """What `gemscan evaluate --save` measured of another decision is not true of this one."""
    if "evaluation" not in metrics:
        return metrics
    gone = ("decision", "unknown")
    kept = [{k: v for k, v in one.items() if k not in gone} for one in metrics["evaluation"]]
    return metrics | {"evaluation": [one for one in kept if one.get("n")]}


def _record(
    fitted: Confidence, looked: Looked, settings: Settings, precision: str, knew_others: bool
) -> Json:
    return {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "precision": precision,
        "asked": asdict(settings.asked),
        "pictures": {
            "teaching": looked.teaching.pictures,
            "judging": fitted.judged.pictures,
            "others": looked.others.pictures,
        },
        "note": (NOTE_OF_FOLDS if fitted.by_folds else NOTE) + NOTE_OF_OTHERS * knew_others,
    }
