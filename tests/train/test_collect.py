"""`gemscan data collect`: what operators said becomes pictures to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gemscan
from deploy.decision import Candidate, Verdict
from deploy.folders import find_labelled
from deploy.pictures import read_picture
from deploy.record.pictures import picture_paths
from deploy.record.stones import Setup, Stone, utc_now
from edge_app.record.files import StonePictures
from edge_app.record.store import Store
from train.collect import class_folder

SETUP = Setup("gems15", "1", "d" * 64, "onnx-cpu", "int8", "usb-cam")
PIXELS = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
PICTURES = StonePictures(PIXELS, PIXELS[:32, :32])


def stone() -> Stone:
    verdict = Verdict("name", (Candidate("Ruby", 0.9), Candidate("Spinel", 0.1)))
    return Stone(verdict, utc_now(), utc_now(), 0.4, SETUP)


def correct(store: Store, *labels: str) -> Stone:
    """A stone with pictures, and its corrections."""
    written = stone()
    store.add(written, PICTURES)
    for label in labels:
        store.correct(written.key, label)
    return written


def teach(store: Store, label: str, views: int) -> None:
    embeddings = [np.ones(2048, np.float32)] * views
    store.teach(label, embeddings, [PICTURES.crop_bgr] * views, "d" * 64)


def collect(record: Path, out: Path) -> int:
    return gemscan.main(["data", "collect", str(out), "--record", str(record)])


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_corrected_and_taught_stones_become_classes_and_others_do_not(tmp_path, capsys):
    with Store(tmp_path / "record") as store:
        store.add(stone(), PICTURES)
        corrected = correct(store, "Spinel")
        teach(store, "Kunzite", 3)

    assert collect(tmp_path / "record", tmp_path / "out") == 0

    found = find_labelled(tmp_path / "out")
    assert [p.label for p in found] == ["Kunzite"] * 3 + ["Spinel"]
    assert found[3].path.stem == corrected.key
    assert all(read_picture(picture.path).shape == (32, 32, 3) for picture in found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["Kunzite", "3", "3"]
    assert lines[2].split() == ["Spinel", "1", "1"]
    assert "2 of 2 classes have fewer than 20 pictures" in lines
    assert lines[-1].endswith("4 pictures added, 0 were there already")


def test_run_again_it_adds_only_what_is_new(tmp_path, capsys):
    out = tmp_path / "out"
    with Store(tmp_path / "record") as store:
        mine = correct(store, "Spinel")
        collect(tmp_path / "record", out)
        (out / "Spinel" / f"{mine.key}.jpg").write_bytes(b"retouched")
        (out / "Spinel" / "own.jpg").write_bytes(b"own")
        before = files(out)
        correct(store, "Jade")  # while the scanner goes on writing
        assert collect(tmp_path / "record", out) == 0

    after = files(out)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    assert "1 pictures added, 1 were there already" in capsys.readouterr().out


def test_the_last_correction_counts_and_an_earlier_copy_is_pointed_out(tmp_path, capsys):
    with Store(tmp_path / "record") as store:
        mine = correct(store, "Spinel", "Garnet")
        collect(tmp_path / "record", tmp_path / "out")
        assert list(files(tmp_path / "out")) == [f"Garnet/{mine.key}.jpg"]
        store.correct(mine.key, "Ruby")
    assert collect(tmp_path / "record", tmp_path / "out") == 0
    assert list(files(tmp_path / "out")) == [f"Garnet/{mine.key}.jpg"]
    assert "the record says Ruby; it is left where it is" in capsys.readouterr().out


HOSTILE = ["../x", "..", ".hidden", "a/b", "a_b", "=cmd", 'say "x"', "翡翠", "C:\\x", "é" * 100]


def test_no_name_leads_out_of_the_folder_and_none_are_mixed(tmp_path):
    with Store(tmp_path / "record") as store:
        for label in HOSTILE:
            correct(store, label)
            teach(store, label, 1)

    assert collect(tmp_path / "record", tmp_path / "out") == 0

    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "record"]
    assert len(find_labelled(tmp_path / "out")) == 2 * len(HOSTILE)
    classes = [place for place in (tmp_path / "out").iterdir() if place.is_dir()]
    assert len(classes) == len(HOSTILE)
    assert all(len(list(place.iterdir())) == 2 for place in classes)


SPELLINGS = ["Garnet Red", "garnet red", "GARNET  RED", "Ｇarnet Red"]


def test_a_name_makes_one_class_however_it_was_typed(tmp_path):
    out = tmp_path / "out"
    with Store(tmp_path / "record") as store:
        for label in SPELLINGS:
            correct(store, label)
            teach(store, label, 1)

    assert collect(tmp_path / "record", out) == 0

    assert [place.name for place in out.iterdir()] == ["Garnet Red"]
    assert len(find_labelled(out)) == 2 * len(SPELLINGS)


def test_a_folder_that_is_there_gives_the_spelling(tmp_path, capsys):
    out = tmp_path / "out"
    (out / "garnet RED").mkdir(parents=True)
    with Store(tmp_path / "record") as store:
        correct(store, "Garnet Red")
        for label in ("Cat/eye", "CAT/EYE"):  # no folder can be called so
            correct(store, label)

    assert [collect(tmp_path / "record", out) for _ in range(2)] == [0, 0]

    assert [place.name.partition("-")[0] for place in sorted(out.iterdir())] == [
        "Cat_eye",
        "garnet RED",
    ]
    assert "it is left where it is" not in capsys.readouterr().out


def test_two_folders_that_are_there_stay_two(tmp_path, capsys):
    out = tmp_path / "out"
    for name in ("Ruby", "ruby"):
        (out / name).mkdir(parents=True)
    with Store(tmp_path / "record") as store:
        for label in ("Ruby", "ruby", "RUBY"):
            correct(store, label)

    collect(tmp_path / "record", out)

    assert {place.name: len(list(place.iterdir())) for place in out.iterdir()} == {
        "Ruby": 2,
        "ruby": 1,
    }


@pytest.mark.parametrize("label", ["Ruby", "Beryl Golden", "Cat's Eye", "翡翠", "=cmd", "Жад"])
def test_a_label_that_can_name_a_folder_does(label):
    assert class_folder(label) == label


def test_stones_whose_picture_is_gone_or_damaged_are_said(tmp_path, capsys):
    with Store(tmp_path / "record") as store:
        gone, damaged = correct(store, "Spinel"), correct(store, "Spinel")
        picture_paths(tmp_path / "record", gone)[1].unlink()
        picture_paths(tmp_path / "record", damaged)[1].write_bytes(b"no picture")

    assert collect(tmp_path / "record", tmp_path / "out") == 1

    out = capsys.readouterr().out
    assert "1 corrected stones have no picture any more" in out
    assert "cannot be read as a picture" in out
    assert not (tmp_path / "out").exists()


def test_without_a_record_one_sentence_says_so(tmp_path, capsys):
    assert collect(tmp_path / "nowhere", tmp_path / "out") == 2
    assert "there is no record of stones" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    with Store(tmp_path / "record") as store:
        correct(store, "Spinel")
    (tmp_path / "out").write_text("a file")
    assert collect(tmp_path / "record", tmp_path / "out") == 2
    assert "error:" in capsys.readouterr().err
