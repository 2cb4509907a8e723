"""`gemscan data check` on drawn stones, some of them spoilt on purpose."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import gemscan
from deploy.render.folder import render_folder
from train.check import page, wrong_labels
from train.check.report import Report, check_folder
from train.check.wrong_labels import check_labels
from train.data.scan import scan
from train.data.split import KnownSides

CLASSES = ("Emerald", "Hessonite", "Iolite")


@pytest.fixture(scope="module")
def stones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn stones of each of three classes; tests only read them."""
    folder = tmp_path_factory.mktemp("stones") / "drawn"
    render_folder(folder, CLASSES, 8, seed=2, size_px=200)
    return folder


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    """Twenty are enough here, and much faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wrong_labels, "TREES", 20)
        yield


@pytest.fixture(scope="module")
def spoilt(stones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one fault of each kind in it; tests only read them."""
    folder = shutil.copytree(stones, tmp_path_factory.mktemp("spoilt") / "photos")
    first, second, *_, last = sorted((folder / "Emerald").iterdir())
    shutil.copy(first, folder / "Emerald/copy.jpg")
    shutil.copy(last, folder / "Iolite/elsewhere.jpg")
    write(folder / "Emerald/recompressed.png", cv2.resize(cv2.imread(str(second)), (150, 150)))
    (folder / "Hessonite/broken.jpg").write_bytes(first.read_bytes()[:200])
    write(folder / "Hessonite/blurred.png", cv2.GaussianBlur(fresh(7), (0, 0), 4))
    write(folder / "Hessonite/dark.png", fresh(8) // 6)
    write(folder / "Hessonite/bright.png", cv2.convertScaleAbs(fresh(6), alpha=0.02, beta=250))
    write(folder / "Hessonite/tiny.png", cv2.resize(fresh(9), (60, 60)))
    write(folder / "Hessonite/small.png", small_stone())
    return folder


def write(path: Path, picture_bgr: np.ndarray) -> None:
    assert cv2.imwrite(str(path), picture_bgr)


def fresh(seed: int) -> np.ndarray:
    """A picture like no other: coarse colour with sharp edges in it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 250, (9, 9, 3), dtype=np.uint8)
    return cv2.resize(coarse, (200, 200), interpolation=cv2.INTER_NEAREST)


def small_stone() -> np.ndarray:
    picture = np.full((200, 200, 3), 225, np.uint8)
    cv2.ellipse(picture, (110, 90), (14, 11), 0, 0, 360, (60, 30, 160), -1)
    return picture


@pytest.fixture(scope="module")
def report(spoilt: Path) -> Report:
    return check_folder(spoilt)


def found(report: Report, kind: str) -> list[list[str]]:
    return [[report.name(kind, n) for n in f.pictures] for f in report.of_kind(kind)]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("unreadable", "Hessonite/broken.jpg"),
        ("tiny", "Hessonite/tiny.png"),
        ("blurred", "Hessonite/blurred.png"),
        ("dark", "Hessonite/dark.png"),
        ("bright", "Hessonite/bright.png"),
        ("small", "Hessonite/small.png"),
    ],
)
def test_a_picture_with_a_fault_is_named(report: Report, kind: str, name: str):
    assert [name] in found(report, kind)


def test_sound_pictures_are_not_called_bad(stones: Path):
    kinds = {finding.kind for finding in check_folder(stones).findings}

    assert not kinds & {"unreadable", "tiny", "blurred", "dark", "bright", "small", "exact"}


def test_equal_files_near_duplicates_and_copies_in_two_classes_are_told_apart(report: Report):
    names = sorted(path.name for path in (report.folder / "Emerald").glob("emerald*"))

    assert found(report, "exact") == [["Emerald/copy.jpg", f"Emerald/{names[0]}"]]
    assert [f"Emerald/{names[1]}", "Emerald/recompressed.png"] in found(report, "near")
    assert [f"Emerald/{names[-1]}", "Iolite/elsewhere.jpg"] in found(report, "across")


def test_all_but_one_of_several_copies_are_proposed_and_neither_of_two_labels(report: Report):
    assert [len(f.proposed) for f in report.of_kind("exact")] == [1]
    assert all(f.proposed == () for f in report.of_kind("across"))


def test_copies_on_both_sides_of_a_split_are_found_and_the_command_fails(
    report: Report, spoilt: Path, tmp_path: Path
):
    copies = report.of_kind("near")[0].pictures
    side = {"training": [copies[0]], "validation": [copies[1]]}
    split = {s: [{"digest": report.scan.digests[n]} for n in side[s]] for s in side}
    (tmp_path / "split.json").write_text(json.dumps(split))
    words = ["data", "check", str(spoilt), "--split", str(tmp_path / "split.json")]

    assert gemscan.main([*words, "--json", str(tmp_path / "all.json")]) == 1

    findings = json.loads((tmp_path / "all.json").read_text())["findings"]
    [both] = [f for f in findings if f["kind"] == "sides"]
    assert both["detail"] == "1 teach, 1 validate"
    assert both["proposed"] == both["pictures"][:1]


def test_every_picture_is_read_once(stones: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[Path] = []
    plain = Path.read_bytes

    def counted(path: Path) -> bytes:
        read.append(path)
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    report = check_folder(stones)

    assert sorted(read) == sorted(picture.path for picture in report.scan.pictures)


def test_a_picture_under_a_wrong_label_is_doubted_first():
    """Features of three well kept classes, with one picture among the others of another class."""
    rng = np.random.default_rng(0)
    labels = ["a"] * 30 + ["b"] * 30 + ["c"] * 30
    centres = rng.normal(size=(3, 12))
    features = centres[np.repeat([0, 1, 2], 30)] + 0.5 * rng.normal(size=(90, 12))
    features[4] = centres[2]

    checked = check_labels(features.astype(np.float16), labels, np.arange(90))

    assert checked is not None
    assert (checked.doubts[0].picture, checked.doubts[0].looks_like) == (4, "c")
    assert checked.doubts[0].other > checked.doubts[0].own
    assert checked.accuracy > 0.9
    assert 4 not in checked.typical["a"]


def test_a_copy_with_the_same_wrong_label_does_not_vouch_for_it():
    rng = np.random.default_rng(1)
    features = np.repeat(rng.normal(size=(2, 12)), 25, axis=0) + 0.3 * rng.normal(size=(50, 12))
    features[3:6] = features[40]
    labels, groups = ["a"] * 25 + ["b"] * 25, np.arange(50)
    groups[3:6] = 3

    checked = check_labels(features.astype(np.float16), labels, groups)

    assert checked is not None
    assert {3, 4, 5} <= {doubt.picture for doubt in checked.doubts}


@pytest.mark.parametrize("labels", [["a"] * 20, ["a"] * 17 + ["b"] * 3])
def test_too_little_to_learn_from_is_no_error(labels: list[str]):
    assert check_labels(np.zeros((20, 4), np.float16), labels, np.arange(20)) is None


def test_the_page_shows_each_finding_and_needs_no_network(report: Report):
    text = page.render(report)

    for finding in report.findings:
        for number in finding.pictures[: page.MOST_PICTURES]:
            assert f'data-name="{report.name(finding.kind, number)}"' in text
    assert not re.search(r"(src|href)=\"(?!data:image/jpeg|#)", text)
    assert text.count("data-proposed>") == sum(len(f.proposed) for f in report.findings)


def test_a_page_shows_a_part_of_very_many_findings_and_says_so(
    report: Report, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page, "MOST_FINDINGS", 1)
    many = Report(report.folder, report.counts, report.scan, report.findings * 3, report.labels)

    text = page.render(many)

    assert "The 1 foremost of 3 are shown" in text
    assert text.count('class="card"') == len({f.kind for f in report.findings})


def test_a_name_cannot_become_part_of_the_page(stones: Path, tmp_path: Path):
    folder = shutil.copytree(stones, tmp_path / "<b>photos")
    name = 'quote" onerror="alert(1)" <script>.jpg'
    (folder / "Emerald" / name).write_bytes(b"")

    text = page.render(check_folder(folder))

    assert "<script>.jpg" not in text
    assert 'onerror="' not in text


def test_the_command_prints_counts_writes_the_page_and_says_what_is_next(
    spoilt: Path, tmp_path: Path, capsys
):
    out = tmp_path / "page.html"

    assert gemscan.main(["data", "check", str(spoilt), "--html", str(out)]) == 0

    said = capsys.readouterr().out
    assert re.search(r"^Emerald +10 ", said, re.MULTILINE)
    assert "Copies of one photograph in two classes" in said
    assert f"Look at {out}" in said
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_a_folder_of_unreadable_pictures_is_refused(tmp_path: Path, capsys):
    (tmp_path / "Ruby").mkdir()
    (tmp_path / "Ruby/a.jpg").write_bytes(b"")

    assert gemscan.main(["data", "check", str(tmp_path)]) == 2
    assert "none of the 1 pictures can be read" in capsys.readouterr().err


def test_sides_that_know_none_of_the_pictures_find_nothing(stones: Path):
    report = check_folder(stones, sides=KnownSides(frozenset({"x"}), frozenset({"y"})))

    assert report.of_kind("sides") == []


def test_a_scan_keeps_the_order_of_its_list_whichever_thread_ends_first(stones: Path, report):
    pictures = report.scan.pictures

    scanned = scan(pictures, lambda picture_bgr: picture_bgr.shape)

    assert scanned.pictures == pictures
    assert scanned.digests == tuple(picture.digest() for picture in pictures)


def test_who_agrees_to_everything_keeps_a_copy_of_each_photograph(stones: Path, tmp_path: Path):
    """The largest copy is a blurred one here, which goes for that reason."""
    folder = shutil.copytree(stones, tmp_path / "stones")
    sharp = min((folder / "Emerald").iterdir())
    picture = cv2.imread(str(sharp))
    larger = cv2.resize(picture, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder / "Emerald" / "larger.png"), cv2.GaussianBlur(larger, (0, 0), 9))

    report = check_folder(folder)

    assert ["Emerald/larger.png"] in found(report, "blurred")
    [near] = report.of_kind("near")
    assert [report.name("near", n) for n in near.proposed] == ["Emerald/larger.png"]


def test_a_fold_that_chains_of_copies_leave_empty_is_left_out():
    y = [2, 1, 1, 3, 2, 1, 0, 3, 0, 0, 1, 2, 2, 0, 3, 3, 0, 2, 0]
    groups = np.array([4, 4, 4, 4, 3, 2, 0, 2, 1, 1, 0, 0, 4, 0, 0, 2, 1, 0, 0])
    features = np.random.default_rng(0).random((len(y), 4)).astype(np.float16)

    assert check_labels(features, [f"kind {n}" for n in y], groups) is not None


def test_names_that_are_not_utf_8_are_shown_and_cannot_be_ticked(
    stones: Path, tmp_path: Path, monkeypatch
):
    folder = shutil.copytree(stones, tmp_path / "stones")
    (folder / "Emerald").rename(folder / os.fsdecode(b"smar\xffgd"))
    (folder / "Opal").mkdir()
    (folder / "Opal" / "broken.jpg").write_text("no picture")
    (folder / os.fsdecode(b"smar\xffgd") / "broken.jpg").write_text("no picture")
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    monkeypatch.setattr(sys, "stdout", out)

    assert gemscan.main(["data", "check", str(folder), "--html", str(tmp_path / "page.html")]) == 0

    page = (tmp_path / "page.html").read_text()
    assert 'data-name="Opal/broken.jpg"' in page
    assert "smar?gd/broken.jpg" in page
    assert 'data-name="smar?gd/broken.jpg"' not in page
