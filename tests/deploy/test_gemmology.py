"""The table of properties is whole, and the tests that are worked out from it tell."""

from __future__ import annotations

import json
from datetime import date
from itertools import combinations
from pathlib import Path

import pytest

import deploy.gemmology
from deploy.gemmology import family, separating_test, short_list_hint

PAGE = Path(__file__).parents[2] / "docs" / "gemmology.md"
TABLE = json.loads(Path(deploy.gemmology.__file__).with_name("gemmology.json").read_text("utf-8"))
LEVELS = {"none", "weak", "distinct", "strong"}


@pytest.mark.parametrize("name", TABLE["species"])
def test_a_species_has_checked_values_that_can_be(name: str):
    species = TABLE["species"][name]

    assert set(species) <= {
        "family", "checked", "ri", "sg", "refraction", "pleochroism", "uv"
    }  # fmt: skip
    assert len(set(species["checked"])) == len(species["checked"]) >= 2
    assert set(species["checked"]) <= set(TABLE["sources"])
    for key, least, most in (("ri", 1.3, 2.7), ("sg", 1.0, 5.3)):
        low, high = species.get(key, (least, most))
        assert least <= low < high <= most
    assert species.get("refraction", "single") in {"single", "double", "aggregate"}
    assert {species.get(key, "none") for key in ("pleochroism", "uv")} <= LEVELS
    if species.get("refraction") == "single":
        assert species.get("pleochroism", "none") == "none"


def test_every_source_is_used_and_says_where_and_when_it_was_seen():
    used = {key for species in TABLE["species"].values() for key in species["checked"]}

    assert used == set(TABLE["sources"])
    for source in TABLE["sources"].values():
        assert set(source) == {"title", "address", "seen"}
        assert source["title"]
        assert source["address"].startswith(("http://", "https://"))
        assert date.fromisoformat(source["seen"])


def test_a_test_names_what_its_values_were_compared_with():
    test = separating_test(["Citrine", "Topaz"])

    assert test is not None
    assert test.sources == tuple(
        sorted(
            TABLE["sources"][key]["title"]
            for key in {
                *TABLE["species"]["quartz"]["checked"],
                *TABLE["species"]["topaz"]["checked"],
            }
        )
    )


def test_every_note_is_of_a_label():
    assert set(TABLE["notes"]) <= set(TABLE["labels"])


def test_every_label_has_a_species_and_every_species_a_label():
    assert set(TABLE["labels"].values()) == set(TABLE["species"])


@pytest.mark.parametrize(
    ("labels", "instrument"),
    [
        (["Citrine", "Topaz"], "refractometer"),
        (["Ruby", "Almandine"], "polariscope"),
        (["Ruby", "Spinel"], "refractometer"),
        (["Topaz", "Tourmaline"], "hydrostatic balance"),
        (["Sapphire Blue", "Benitoite"], "hydrostatic balance"),
        (["Diamond", "Zircon"], "hydrostatic balance"),  # both over the refractometer's limit
        (["Hessonite", "Spessartite"], "refractometer"),
        (["Citrine", "Topaz", "Sapphire Yellow"], "refractometer"),
    ],
)
def test_known_neighbours_are_told_apart_by_the_usual_test(labels: list[str], instrument: str):
    test = separating_test(labels)

    assert test is not None
    assert test.instrument == instrument
    assert [label for label, _ in test.values] == labels
    assert all(label in test.text for label in labels)
    assert test.sources


@pytest.mark.parametrize(
    "labels",
    [
        ["Amethyst", "Citrine"],  # one species
        ["Pyrope", "Rhodolite"],  # ranges that meet
        ["Almandine", "Rhodolite", "Pyrope"],
        ["Ruby", "Glass Of Another Kind"],
        ["Ruby"],
        [],
    ],
)
def test_where_no_single_test_tells_none_is_named(labels: list[str]):
    assert separating_test(labels) is None


def test_a_test_that_is_named_separates_every_two_of_its_labels():
    """By the table itself: no two ranges of the property it measures meet."""
    keys = {"refractometer": "ri", "hydrostatic balance": "sg"}
    for first, second in combinations(sorted(TABLE["labels"]), 2):
        test = separating_test([first, second])
        if test is None or test.instrument not in keys:
            continue
        a, b = (
            TABLE["species"][TABLE["labels"][label]][keys[test.instrument]]
            for label in (first, second)
        )
        assert a[1] < b[0] or b[1] < a[0], (first, second)


def test_the_order_of_the_labels_does_not_matter():
    for first, second in combinations(sorted(TABLE["labels"])[::4], 2):
        there, back = separating_test([first, second]), separating_test([second, first])
        assert (there and there.instrument) == (back and back.instrument)


def test_families():
    assert family(["Almandine", "Pyrope", "Tsavorite"]) == "garnet"
    assert family(["Emerald", "Aquamarine"]) == "beryl"
    assert family(["Almandine", "Ruby"]) is None
    assert family(["Almandine", "Unheard Of"]) is None
    assert family([]) is None


def test_nothing_is_said_of_how_a_stone_came_to_be():
    said = json.dumps({key: TABLE[key] for key in ("species", "labels")}).lower()

    assert not any(word in said for word in ("natural", "synthetic", "treated", "heated"))


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        (["Emerald", "Jade"], "polariscope (refraction): Emerald double, Jade aggregate"),
        (["Almandine", "Ruby", "Spinel"], "polariscope and refractometer together tell them apart"),
        (["Ruby", "Spinel", "Garnet Red"], "polariscope tells Ruby (double) from the others"),
        (
            ["Amethyst", "Iolite", "Sapphire Purple"],
            "refractometer tells Sapphire Purple (1.757 to 1.788) from the others",
        ),
        (
            ["Almandine", "Hessonite", "Garnet Red"],
            "garnet: hydrostatic balance tells Almandine (3.90 to 4.32) "
            "from Hessonite (3.57 to 3.73)",
        ),
        (["Garnet Red", "Pyrope", "Spinel"], "garnet or spinel"),
        (["Amethyst", "Citrine", "Quartz Rose"], "quartz"),
        (["Ruby"], ""),
        ([], ""),
    ],
)
def test_a_short_list_is_told_what_helps_most(labels: list[str], hint: str):
    assert short_list_hint(labels) == hint


def test_a_name_that_is_not_in_the_table_is_one_of_the_others_and_never_ruled_out():
    assert "others" not in short_list_hint(["Ruby", "Tourmaline", "Unheard Of"])
    assert "together" not in short_list_hint(["Ruby", "Tourmaline", "Unheard Of"])
    assert short_list_hint(["Garnet Red", "Pyrope", "Unheard Of"]) == ""


def test_a_hint_fits_into_one_line_of_the_screen():
    labels = sorted(TABLE["labels"])
    lists = [labels[i::17][:size] for i in range(17) for size in (3, 4)]

    assert max(len(short_list_hint(each)) for each in lists) < 150


def test_the_page_gives_what_was_seen_of_every_species():
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    seen = {row.split("|")[1].strip(): row for row in rows}

    for name, species in TABLE["species"].items():
        assert all(f"[{key}](" in seen[name] for key in species["checked"]), name
