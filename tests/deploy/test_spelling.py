"""One name, however it was typed."""

from __future__ import annotations

import pytest

from deploy.spelling import distinct, known_as, name_key, places


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("garnet red", "Garnet Red"),
        (" Garnet \t\u00a0Red\n", "Garnet Red"),
        ("E\u0301MERAUDE", "\u00e9meraude"),
        ("\u00c9meraude", "e\u0301meraude"),
        ("Ｇａｒｎｅｔ　Ｒｅｄ", "Garnet Red"),
        ("WEISSER STEIN", "Weißer Stein"),
        ("ΛΊΘΟΣ", "λίθος"),
        ("ГРАНАТ КРАСНЫЙ", "Гранат красный"),
        ("ﬁre opal", "Fire Opal"),
    ],
)
def test_a_name_is_known_however_it_was_typed(typed, known):
    assert known_as(typed, ["Ruby", known]) == known


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("Garnet", "Garnet Red"), ("GarnetRed", "Garnet Red"), ("Peridot", "Péridot")),
        *(("पन्ना", "पन्न"), ("हीरा", "हार"), ("ガーネット", "カーネット"), ("a/b", "a_b")),
    ],
)
def test_another_name_stays_another_one(one, other):
    assert name_key(one) != name_key(other)
    assert known_as(one, [other]) == one


def test_of_two_that_are_known_the_same_to_the_letter_is_meant():
    assert known_as("garnet red", ["Garnet Red", "garnet red"]) == "garnet red"
    assert known_as("GARNET RED", ["Garnet Red", "garnet red"]) == "Garnet Red"


def test_names_are_placed_among_those_that_are_known():
    assert places(["Ruby", "JADE", "Opal"], ("jade", "Topaz", "Ruby")) == {0: 2, 1: 0}


def test_the_first_spelling_stands_for_all():
    assert distinct(["Ruby", "Garnet Red", "ruby", "garnet  red"]) == ["Ruby", "Garnet Red"]
