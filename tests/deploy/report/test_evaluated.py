"""`gemscan evaluate --html`: the page says what the JSON says."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from deploy.evaluation import evaluate_command
from deploy.folders import find_labelled
from gemscan import main
from tests import pages


def paint(path: Path, rgb: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 40, 3), rgb, np.uint8)).save(path)


def evaluated(bundle, folder: Path, out: Path, *flags: str) -> tuple[pages.Page, dict]:
    """The page and the JSON of one evaluation."""
    words = ["evaluate", str(bundle.root), str(folder), "--backend", "onnx-cpu", *flags]
    page, said = out / "page.html", out / "said.json"
    assert main([*words, "--html", str(page), "--json", str(said)]) == 0
    return pages.Page(page), json.loads(said.read_text())


def test_both_models_stand_side_by_side_with_the_numbers_of_the_json(
    tiny_bundle, stones, tmp_path, capsys
):
    paint(stones / "Ruby" / "green.png", (20, 200, 40))
    paint(stones / "Opal" / "red.png", (220, 20, 30))
    (stones / "Ruby" / "broken.jpg").write_bytes(b"")

    page, said = evaluated(tiny_bundle, stones, tmp_path)

    assert said["precision"] == "int8"
    assert "page.html" in capsys.readouterr().out
    assert page.html.count("<!DOCTYPE html>") == 1
    top1, top5 = (f"{100 * said[name]:.1f} %" for name in ("top1", "top5"))
    low, high = said["top1_low"], said["top1_high"]
    known = page.table("Accuracy by what")[4]
    assert known == [
        *("INT8: all of known kinds", "13", top1),
        *(f"{100 * low:.1f} – {100 * high:.1f} %", top5),
    ]
    header, *rows = page.table("Test pictures named right")
    assert [header[3], header[6]] == ["INT8", "float32"]
    for row, expected in zip(rows, said["per_class"], strict=False):
        assert row[1:4] == [
            expected["label"],
            str(expected["n"]),
            f"{100 * expected['top1']:.1f} %",
        ]
    unknown = page.table("What the operator reads")[3]
    assert unknown[:3] == ["INT8: unknown kinds", "1", "100.0 %"]
    assert page.table("What INT8 makes of them")[1][0] == "Opal"
    assert page.table("Files that could not be read")[1] == ["Ruby/broken.jpg"]
    assert "INT8 against float32" in page.text
    assert page.images == 13 * 2  # fewer than twenty; of both models


def test_one_precision_alone_is_a_page_without_a_comparison(tiny_bundle, stones, tmp_path):
    page, _ = evaluated(tiny_bundle, stones, tmp_path, "--precision", "fp32")

    assert page.table("Test pictures named right")[0][3] == "Accuracy"
    assert "against" not in page.text
    assert "of none of which the bundle knows" in page.text


def test_pictures_that_taught_are_left_out_of_the_numbers(tiny_bundle, stones, tmp_path, add_json):
    digests = [picture.digest() for picture in find_labelled(stones)]
    paint(stones / "Ruby" / "green.png", (20, 200, 40))  # unseen, and wrong
    bundle = add_json(tiny_bundle, "training.json", {"training": digests})

    page, said = evaluated(bundle, stones, tmp_path)

    assert said["unseen"]["n"] == 1
    assert page.table("Test pictures named right")[-1][1:4] == ["All pictures", "1", "0.0 %"]
    assert "1 picture that neither taught" in page.text


def test_a_page_of_pictures_that_all_taught_warns(tiny_bundle, stones, tmp_path, add_json):
    digests = [picture.digest() for picture in find_labelled(stones)]
    bundle = add_json(tiny_bundle, "training.json", {"training": digests})

    page, _ = evaluated(bundle, stones, tmp_path)

    assert 'class="warning"' in page.html
    assert "say nothing of new stones" in page.text
    assert "The known pictures below taught the model." in page.text
    assert "chose these thresholds" not in page.text


def test_pictures_that_chose_the_thresholds_or_fitted_familiarity_are_told_of(
    tiny_bundle, stones, tmp_path, add_json
):
    known = [picture.digest() for picture in find_labelled(stones)]
    paint(stones / "Opal" / "red.png", (220, 20, 30))
    other = [p.digest() for p in find_labelled(stones) if p.label == "Opal"]
    said = {"judging": known[:5], "others": other}

    bundle = add_json(tiny_bundle, "confidence.json", said)
    page, found = evaluated(bundle, stones, tmp_path)

    assert (found["decision"]["chose"], found["unknown"]["fitted"]) == (5, 1)
    assert "5 of the known pictures below chose these thresholds." in page.text
    assert "1 of them fitted familiarity" in page.text
    assert found["unseen"]["n"] == 12


def test_an_engine_of_another_precision_is_compared_with_float32(
    tiny_bundle, stones, tmp_path, monkeypatch
):
    measure = evaluate_command.evaluate_with

    def on_a_gpu(args, bundle, pictures, precision):
        """TensorRT may have kept an FP16 engine as the fastest one."""
        if precision == "auto":
            return replace(measure(args, bundle, pictures, "int8"), precision="fp16")
        return measure(args, bundle, pictures, precision)

    monkeypatch.setattr(evaluate_command, "evaluate_with", on_a_gpu)
    page, _ = evaluated(tiny_bundle, stones, tmp_path)

    assert "FP16 against float32" in page.text
    assert page.table("Test pictures named right")[0][6:8] == ["float32", "INT8"]


def test_a_folder_of_unknown_kinds_alone_is_a_page_too(int8_bundle, tmp_path):
    paint(tmp_path / "kinds" / "<b>Opal" / "1.png", (220, 20, 30))
    paint(tmp_path / "kinds" / "Jet" / "1.png", (9, 9, 9))

    page, said = evaluated(int8_bundle, tmp_path / "kinds", tmp_path)

    assert said["n"] == 0
    assert "b" not in page.tags
    assert [row[0] for row in page.table("What INT8 makes of them")[1:]] == ["<b>Opal", "Jet"]
    assert "No picture is of a class that the bundle knows." in page.text


def test_a_missing_library_is_told_before_the_work(
    tiny_bundle, stones, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "jinja2", None)

    code = main(
        ["evaluate", str(tiny_bundle.root), str(stones), "--html", str(tmp_path / "p.html")]
    )

    assert code == 2
    said = capsys.readouterr()
    assert "pip install 'gemscan[train]'" in said.err
    assert "top-1" not in said.out
