"""What a recipe gets on unseen stones, pooled over folds: in `estimate.json` and in a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.arrays import Json
from deploy.errors import DataError
from deploy.evaluation.scores import wilson_interval
from deploy.files import read_json
from train.run.folder import SPLIT, read_record, told

ESTIMATE = "estimate.json"
METHOD = (
    "grouped cross-validation before INT8: each photograph is judged once, by a run that was shown "
    "neither it nor a near-duplicate of it; the weights of the last epoch, which no score chose"
)
KEPT = {"method": str, "n": int, "top1": float, "top1_interval_95": list, "folds": list}

NO_RECIPE = ("preset", "validation_share", "seed")  # what they change is not how it learns


@dataclass(frozen=True)
class FoldScore:
    """How many of the pictures that validated in one fold were named right."""

    n: int
    right: int


def recipe_of(run: Path) -> Json:
    """What decided what a run learned, but for its photographs: settings, kinds, and --extra.

    Raises:
        SettingsError, DataError: its records cannot be read.
    """
    record, split = read_record(run), run / SPLIT
    try:
        kinds = len(read_json(split, DataError)["labels"])
    except (LookupError, TypeError) as exc:
        raise DataError(f"{split} cannot be read ({exc!r}).") from exc
    extra = record.extra is not None
    return told(asdict(record.settings)) | {"kinds": kinds, "extra_pictures": extra}


def pool(scores: Sequence[FoldScore], recipe: Json) -> Json:
    """The accuracy over all folds. The interval is Wilson's, as if one model had judged them.

    Args:
        recipe: of the folds (`recipe_of`).
    """
    n, right = sum(score.n for score in scores), sum(score.right for score in scores)
    return {
        "method": METHOD,
        "n": n,
        "top1": right / n,
        "top1_interval_95": list(wilson_interval(right, n)),
        "folds": [asdict(score) for score in scores],
        "recipe": recipe,
    }


def read_estimate(path: Path) -> Json:
    """What `gemscan crossvalidate` found, from its file.

    Files of earlier versions lack the recipe.

    Raises:
        DataError: not readable, or something else.
    """
    said: Json = read_json(path, DataError)
    try:
        whole = all(isinstance(said[name], kind) for name, kind in KEPT.items())
    except (LookupError, TypeError) as exc:
        raise DataError(f"{path} holds no estimate of gemscan crossvalidate.") from exc
    whole = whole and isinstance(said.get("recipe", {}), dict)
    if not whole or set(said) - {"recipe"} != set(KEPT):
        raise DataError(f"{path} holds no estimate of gemscan crossvalidate.")
    return said


def held_against(found: Json, recipe: Json) -> Json:
    """The estimate with a note, where the folds were not trained as the model that carries it.

    Args:
        recipe: of the model's run.
    """
    if "recipe" not in found:
        return found | {"note": "of a recipe that is not recorded"}
    of_folds = found["recipe"]
    differing = [
        f"{name} {of_folds[name]}, not {value}"
        for name, value in recipe.items()
        if name in of_folds and name not in NO_RECIPE and of_folds[name] != value
    ]
    if not differing:
        return found
    return found | {"note": f"of another recipe than this model's: {'; '.join(differing)}"}
