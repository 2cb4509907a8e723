"""Drawings: XML, in the page's colours, with every name as it is, and made without a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from deploy.report.curves import draw_curves
from deploy.report.draw_confusion import draw_confusion
from deploy.report.draw_reliability import draw_reliability
from deploy.report.reliability import reliability
from deploy.report.svg import VARIABLES

ROOT = Path(__file__).resolve().parents[3]
ROW = {"training_loss": 2.0, "training_top1": 0.3, "validation_loss": 2.5, "validation_top1": 0.2}
HOSTILE = '<script>alert("$x_1$ & $")</script>'


def words(svg: str) -> list[str]:
    """The text in a drawing, which must be XML."""
    parsed = ElementTree.fromstring(svg)
    return ["".join(node.itertext()) for node in parsed.iter() if node.tag.endswith("}text")]


@pytest.mark.parametrize(
    "history",
    [
        [ROW],
        [ROW, {**ROW, "validation_loss": None}, ROW],
        [{**ROW, "training_loss": float("nan"), "validation_loss": None}] * 2,
        [{}],
    ],
)
def test_curves_are_drawn_of_whatever_numbers_there_are(history):
    for drawing in draw_curves(history, chosen=1):
        assert {"training", "test", "epoch"} <= set(words(drawing))


def test_a_loss_beyond_all_bounds_leaves_the_others_readable():
    lost = {**ROW, "validation_loss": 3e19}

    loss, accuracy = draw_curves([ROW, lost, ROW, ROW, ROW], 2)

    assert "Loss (cross entropy), logarithmic" in words(loss)
    assert "Accuracy, %" in words(accuracy)


def test_a_gap_stays_a_gap():
    """An epoch without a loss must not be bridged as if it had been measured."""
    whole, _ = draw_curves([ROW] * 5, None)
    broken, _ = draw_curves([ROW, ROW, {**ROW, "training_loss": None}, ROW, ROW], None)

    assert broken.count("M ") == whole.count("M ") + 1


def test_a_name_is_shown_as_it_is_and_never_becomes_markup():
    svg = draw_confusion(np.eye(3, dtype=np.int64), [HOSTILE, "Lapis Lazuli", "紫水晶 $a"])

    assert "<script" not in svg
    assert words(svg).count(HOSTILE) == 2  # down and across
    assert words(svg).count("紫水晶 $a") == 2


def test_counts_are_written_for_few_classes_and_not_for_many():
    few = np.diag(np.arange(500, 505))
    many = np.diag(np.arange(500, 588))

    assert "504" in words(draw_confusion(few, [str(i) for i in range(5)]))
    assert "504" not in words(draw_confusion(many, [f"gem {i}" for i in range(88)]))


def test_a_drawing_takes_the_pages_colours_and_says_what_it_shows():
    found = reliability(np.array([[0.9, 0.1], [0.6, 0.4]], np.float32), np.array([0, 1]))

    svg = draw_reliability("before scaling", found)

    assert "var(--first)" in svg
    assert not any(colour in svg for colour in VARIABLES)
    label = ElementTree.fromstring(svg).get("aria-label") or ""
    assert f"before scaling: expected calibration error {100 * found.error:.1f} points" in label
    assert "metadata" not in svg


def test_no_screen_is_needed():
    code = "from deploy.report.curves import draw_curves; print(len(draw_curves([{}], None)[0]))"
    bare = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=bare | {"MPLBACKEND": "TkAgg"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000
