"""What the sections say of given answers, and that a page can hold any name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deploy.published import STUDY_15
from deploy.report.answers import Answers, worst
from deploy.report.blocks import Fact, Facts, Figure, Note, Page, Section, Span, Table
from deploy.report.classes import STUDY, class_section, mean_over_classes
from deploy.report.confusion import confusion_matrix, most_frequent
from deploy.report.disagreements import comparison_section
from deploy.report.mistakes import confusion_section, worst_section
from deploy.report.page import write_page
from deploy.report.sureness import TOO_FEW, sureness_section
from tests import pages

LABELS = ("Ruby", "Diamond", "Opal")
HOSTILE = "</td><script>alert(1)</script>&amp;"


def answers(said: list[int], truth: list[int], labels: tuple[str, ...] = LABELS) -> Answers:
    """The model gives its first label a logit of 2, and the first picture's less."""
    logits = np.zeros((len(said), len(labels)), np.float32)
    logits[np.arange(len(said)), said] = 2 - np.arange(len(said), 0, -1) / 10
    paths = tuple(Path(f"/photos/{labels[t]}/{i}.jpg") for i, t in enumerate(truth))
    return Answers("float32", labels, logits, np.array(truth), paths)


def no_thumbnail(path: Path) -> str:
    return ""


def page_of(folder: Path, *sections: Section) -> pages.Page:
    headline = Facts((Fact("Accuracy", "50 %"),))
    write_page(folder / "page.html", Page("over", HOSTILE, "lead", headline, (), sections))
    return pages.Page(folder / "page.html")


def test_the_loss_is_minus_the_logarithm_of_the_true_labels_confidence():
    model = answers([0, 1, 2], [0, 2, 2])

    true = model.confidences[np.arange(3), model.targets]
    assert model.losses == pytest.approx(-np.log(true), abs=1e-6)
    assert worst(model)[0] == 1


def test_a_loss_that_is_no_number_is_the_worst():
    model = answers([0, 1, 2], [0, 2, 2])
    model.logits[2] = np.nan

    assert worst(model, most=2) == [2, 1]


def test_a_class_table_has_the_studys_form_and_its_numbers_beside_ours():
    model = answers([0, 1, 0, 1], [0, 0, 0, 1])

    table = class_section([model], {"Ruby": 30, "Diamond": 40, "Opal": 7}, "Apart.").blocks[0]

    assert isinstance(table, Table)
    assert [name.lstrip("<") for name in table.columns] == [
        *("Label", "Gem", "Training", "Test", "Accuracy", "95 % interval", "0 to 100 %"),
        *("Study: training", "Study: test", "Study: accuracy"),
    ]
    ruby, diamond, opal = table.rows
    assert ruby[:5] == ("0", "Ruby", "30", "3", "66.7\u00a0%")
    assert ruby[5] == "20.8 – 93.9\u00a0%"  # Wilson for 2 of 3
    assert ruby[7:] == ("", "", "")
    assert diamond[7:] == ("465", "58", f"{STUDY_15['Diamond'].accuracy:.2f}\u00a0%")
    assert isinstance(diamond[6], Span)
    assert diamond[6].beside == pytest.approx(0.9351)
    assert opal[3:6] == ("0", "–", "–")
    assert not opal[6].drawn
    mean, total = table.foot
    assert mean[4] == "83.3\u00a0%"  # of the two classes that have pictures
    assert mean[9] == ""  # the study's mean is of other classes
    assert total[2:5] == ("77", "4", "75.0\u00a0%")


def test_the_studys_mean_stands_beside_the_studys_classes_alone():
    labels = tuple(STUDY_15)
    section = class_section([answers([0, 1], [0, 1], labels)], None, "Apart.")

    assert section.blocks[0].foot[0][-1] == "93.46\u00a0%"
    assert Note(STUDY) in section.blocks
    others = class_section([answers([0, 1], [0, 1], ("a", "b"))], None, "Apart.")
    assert Note(STUDY) not in others.blocks


def test_the_mean_over_classes_weighs_every_class_alike():
    assert mean_over_classes(answers([0, 0, 0, 0], [0, 0, 0, 1])) == 0.5


def test_confusions_are_counted_and_the_most_frequent_comes_first():
    model = answers([1, 1, 2, 1, 2], [0, 0, 0, 1, 1])

    assert confusion_matrix(model).tolist() == [[0, 2, 1], [0, 1, 1], [0, 0, 0]]
    found = most_frequent(model)
    assert [(pair.truth, pair.said, pair.count, pair.of) for pair in found] == [
        ("Ruby", "Diamond", 2, 3),
        ("Diamond", "Opal", 1, 2),
        ("Ruby", "Opal", 1, 3),
    ]


def test_hostile_names_are_shown_and_never_become_markup(tmp_path):
    labels = (HOSTILE, "Diamond", '"><img src=x onerror=alert(1)>')
    model = answers([0, 1, 1], [0, 0, 2], labels)

    page = page_of(
        tmp_path,
        class_section([model], {HOSTILE: 3}, "Apart."),
        confusion_section([model]),
        worst_section([model], no_thumbnail, Path("/photos")),
        Section("more", HOSTILE, (Figure(("<svg aria-label='x'></svg>",), HOSTILE), Note(HOSTILE))),
    )

    assert not {"script", "img"} & set(page.tags)
    assert page.table("Test pictures named right")[1][1] == HOSTILE
    assert page.text.count(HOSTILE) > 5


def test_a_page_loads_nothing_and_names_its_drawings_and_places(tmp_path):
    model = answers([0, 1, 1], [0, 0, 2])

    page = page_of(tmp_path, confusion_section([model]), sureness_section([model]))

    inside = [f"#{name}" for name in page.ids]
    assert [a for a in page.loads if not a.startswith("#")] == []
    assert {"#confusion", "#sureness"} <= set(inside)
    assert len(set(page.ids)) == len(page.ids)
    assert page.unlabelled_drawings == 0
    assert "@import" not in page.html
    assert "url(http" not in page.html
    assert "default-src 'none'" in page.html


def test_a_file_name_that_is_not_utf8_is_still_a_page(tmp_path):
    name = b"/photos/Ruby/\xff.jpg".decode("utf-8", "surrogateescape")
    model = answers([1], [0])
    broken = Answers("float32", LABELS, model.logits, model.targets, (Path(name),))

    page = page_of(tmp_path, worst_section([broken], no_thumbnail, Path("/photos")))

    assert "Ruby/ ?.jpg" in page.text  # it may be broken after the slash
    assert "gone" in page.text


def test_the_worst_pictures_tell_the_truths_confidence_even_where_it_is_not_among_the_first():
    logits = np.array([[4.0, 3.0, 2.0, 1.0]], np.float32)
    model = Answers("INT8", ("a", "b", "c", "d"), logits, np.array([3]), (Path("/p/d/1.jpg"),))

    photograph = worst_section([model], no_thumbnail, Path("/p")).blocks[1].photographs[0]

    assert [label for label, _ in photograph.said] == ["a", "b", "c", "d"]
    assert photograph.said[3][1] == f"{100 * model.confidences[0, 3]:.1f}\u00a0%"
    assert photograph.file == "d/1.jpg"


@pytest.mark.parametrize("broken", [True, False])
def test_without_numbers_or_pictures_nothing_is_said_of_calibration(broken):
    model = answers([0, 1], [0, 1]) if broken else answers([0], [0])
    model.logits[0, 0] = np.nan if broken else 1

    assert sureness_section([model]).blocks == (Note(TOO_FEW),)


def test_a_temperature_that_other_pictures_chose_is_taken_as_it_is():
    model = answers([0, 1, 2] * 5, [0, 1, 1] * 5)

    table = sureness_section([model], given=2.5).blocks[0]

    assert table.rows[0][-1] == "2.50"


def test_two_models_are_told_apart_picture_by_picture():
    reference, candidate = answers([0, 1, 1, 2], [0, 1, 1, 0]), answers([0, 1, 2, 2], [0, 1, 1, 0])

    section = comparison_section(reference, candidate, Path("/photos"))

    facts, table = section.blocks
    assert [fact.value for fact in facts.facts[:2]] == ["75.0\u00a0%", "+25.00"]
    ((file, truth, one, other),) = table.rows
    assert (file, truth) == ("Diamond/2.jpg", "Diamond")
    assert one.startswith("Diamond, ")
    assert one.endswith("✓")
    assert other.startswith("Opal, ")
