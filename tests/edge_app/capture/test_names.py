from __future__ import annotations

import pytest

from deploy.errors import SettingsError
from edge_app.capture.names import class_name


@pytest.mark.parametrize(
    "text",
    [
        *("", "   ", ".", "..", "../Ruby", "/etc", "a/b", "a\\b", "C:Ruby", ".hidden", "Ruby."),
        *("con", "NUL.jpg", "Com1", "lpt9.x", "Ru\x00by", "Ru\u202eby", "Ru\u200bby", "a\ud800"),
        *("x" * 101, "貴" * 61, 'a"b', "what?", "*"),
    ],
)
def test_what_could_lead_out_of_the_folder_or_name_no_folder_is_refused(text):
    with pytest.raises(SettingsError, match="cannot be the name of a class: "):
        class_name(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ruby", "Ruby"),
        ("  Garnet \t Red\n", "Garnet Red"),
        ("Alexandrite (daylight)", "Alexandrite (daylight)"),
        ("e\u0301meraude", "\u00e9meraude"),
        ("紅寶石", "紅寶石"),
        ("Console", "Console"),
    ],
)
def test_one_name_is_written_in_one_way(text, name):
    assert class_name(text) == name
