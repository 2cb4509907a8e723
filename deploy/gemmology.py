"""Which bench test tells the kinds of a short list apart, by a reviewed table of properties.

`gemmology.json` gives each species the range of its refractive index and specific gravity, and
what a polariscope, a dichroscope and an ultraviolet lamp show, and names the public sources it was
compared with (docs/gemmology.md). What is uncertain is left out. The test is worked out from the
table, so the table alone must be right. Nothing in it tells whether a stone is natural, synthetic
or treated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

REFRACTOMETER_LIMIT = 1.81  # by its contact liquid (Read, Gemmology, 3rd ed., 2005)
_TELLS, _PLAINLY = 0.99, 10.0  # units: less does not tell, more is not surer still
_LEVELS = ("none", "weak", "distinct", "strong")
_REFRACTIONS = ("single", "double", "aggregate")
_TABLE = Path(__file__).with_name("gemmology.json")


class _Property(NamedTuple):
    """One that a bench test measures.

    unit: what the test tells apart with certainty.
    """

    key: str
    instrument: str
    measures: str
    unit: float


# In the order in which they are taken where two tell as plainly. A refractometer is read to 0.002
# and a hydrostatic balance, for a stone of a carat, to about 0.03: twice that is told for certain.
_PROPERTIES = (
    _Property("ri", "refractometer", "refractive index", 0.004),
    _Property("refraction", "polariscope", "refraction", 0.25),
    _Property("pleochroism", "dichroscope", "pleochroism", 1.0),
    _Property("sg", "hydrostatic balance", "specific gravity", 0.06),
    _Property("uv", "ultraviolet lamp", "fluorescence in short wave", 1.0),
)


@dataclass(frozen=True)
class BenchTest:
    """One test that tells every two of some labels apart.

    instrument: "refractometer".
    measures: "refractive index".
    values: what to expect of each label, as text: ("Topaz", "1.606 to 1.644").
    sources: the titles of what the values were compared with.
    """

    instrument: str
    measures: str
    values: tuple[tuple[str, str], ...]
    sources: tuple[str, ...]

    @property
    def text(self) -> str:
        """It in one line."""
        said = ", ".join(f"{label} {value}" for label, value in self.values)
        return f"{self.instrument} ({self.measures}): {said}"


def family(labels: Sequence[str]) -> str | None:
    """What all labels are kinds of ("garnet"); None where they are not, or one is not known."""
    found = {species["family"] if (species := _species(label)) else None for label in labels}
    return found.pop() if len(found) == 1 else None


def short_list_hint(labels: Sequence[str]) -> str:
    """What to do with a short list, in one line; empty where the table has nothing to say.

    The first of these that there is, after the family of all:

    - one test that tells every two of them apart, and what it shows of each;
    - two tests that do so together;
    - one that tells a single one from all others, the likeliest where it can;
    - one that tells the two likeliest apart;
    - the families, where they are fewer than the labels.

    Args:
        labels: the likeliest first.
    """
    return _hint(tuple(labels))


@lru_cache(maxsize=64)
def _hint(labels: tuple[str, ...]) -> str:
    if len(labels) < 2:
        return ""
    test = separating_test(labels)
    said = test.text if test else _of_two_tests(labels) or _of_one_label(labels)
    known = family(labels) or ("" if said else _families(labels))
    return ": ".join(filter(None, (known, said)))


def _of_two_tests(labels: tuple[str, ...]) -> str:
    """The one that tells the two likeliest apart comes first."""
    told = [(each, _told_apart(labels, each)) for each in _PROPERTIES]
    for (one, by_one), (other, by_other) in combinations(told, 2):
        if by_one | by_other == set(combinations(labels, 2)):
            first, second = (one, other) if labels[:2] in by_one else (other, one)
            return f"{first.instrument} and {second.instrument} together tell them apart"
    return ""


def _of_one_label(labels: tuple[str, ...]) -> str:
    for label, each in product(labels, _PROPERTIES):
        others = [other for other in labels if other != label]
        if all(_told_apart((label, other), each) for other in others):
            return f"{each.instrument} tells {label} ({_value(label, each)}) from the others"
    for each in _PROPERTIES:
        if _told_apart(labels[:2], each):
            values = (f"{label} ({_value(label, each)})" for label in labels[:2])
            return f"{each.instrument} tells {' from '.join(values)}"
    return ""


def _families(labels: tuple[str, ...]) -> str:
    found = list(dict.fromkeys(family([label]) for label in labels))
    return "" if None in found or len(found) == len(labels) else " or ".join(map(str, found))


def _told_apart(labels: tuple[str, ...], measured: _Property) -> set[tuple[str, str]]:
    """Which two of the labels a test tells apart."""
    return {
        pair
        for pair in combinations(labels, 2)
        if None not in (known := [_species(label) for label in pair])
        and _separation(known, measured) >= _TELLS
    }


def separating_test(labels: Sequence[str]) -> BenchTest | None:
    """The test by which the labels differ most plainly; None where no single one tells them all.

    Two labels differ when their ranges do not meet. A label that is not in the table has none.
    """
    return _separating(tuple(labels))


@lru_cache(maxsize=64)
def _separating(labels: tuple[str, ...]) -> BenchTest | None:
    known = [_species(label) for label in labels]
    if len(labels) < 2 or None in known:
        return None
    tells = [(_separation(known, each), each) for each in _PROPERTIES]
    most, best = max(tells, key=lambda pair: pair[0])
    if most < _TELLS:
        return None
    values = tuple(
        (label, _text(species, best)) for label, species in zip(labels, known, strict=True)
    )
    sources = _table()["sources"]
    named = sorted({sources[key]["title"] for each in known if each for key in each["checked"]})
    return BenchTest(best.instrument, best.measures, values, tuple(named))


def _separation(known: Sequence[Any], measured: _Property) -> float:
    """The smallest gap between two ranges, in units of the test; 0 where two meet."""
    ranges = [_range(species, measured) for species in known]
    if None in ranges:
        return 0.0
    gaps = (max(a[0], b[0]) - min(a[1], b[1]) for a, b in combinations(ranges, 2))  # type: ignore[index]
    return min(_PLAINLY, max(0.0, min(gaps) / measured.unit))


def _range(species: Any, measured: _Property) -> tuple[float, float] | None:
    value = species.get(measured.key)
    if value is None:
        return None
    if measured.key == "ri":
        return min(value[0], REFRACTOMETER_LIMIT), min(value[1], REFRACTOMETER_LIMIT)
    if measured.key == "sg":
        return value[0], value[1]
    if measured.key == "refraction":
        return (kind := float(_REFRACTIONS.index(value))), kind
    level = _LEVELS.index(value)  # neighbours are a matter of opinion, so each reaches half way
    return level - 0.5, level + 0.5


def _value(label: str, measured: _Property) -> str:
    return _text(_species(label), measured)


def _text(species: Any, measured: _Property) -> str:
    value = species[measured.key]
    if isinstance(value, str):
        return str(value)
    low, high = value
    if measured.key == "ri" and low >= REFRACTOMETER_LIMIT:
        return f"over {REFRACTOMETER_LIMIT}"
    places = 3 if measured.key == "ri" else 2
    return f"{low:.{places}f} to {high:.{places}f}"


def _species(label: str) -> Any:
    table = _table()
    return table["species"].get(table["labels"].get(label))


@lru_cache(maxsize=1)
def _table() -> Any:
    return json.loads(_TABLE.read_text(encoding="utf-8"))
