"""`gemscan data split`: a file that `gemscan train` follows, and its proof."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import gemscan
from deploy.errors import DataError
from deploy.folders import find_labelled
from train.data.prepare import prepare
from train.data.scan import scan
from train.data.split import KnownSides, read_sides
from train.data.split_folder import prove
from train.settings import TrainSettings


def split(folder: Path, out: Path, *flags: str) -> int:
    return gemscan.main(["data", "split", str(folder), "--out", str(out), *flags])


def test_training_takes_it_and_keeps_every_picture_on_its_side(blobs: Path, tmp_path: Path, capsys):
    out = tmp_path / "split.json"

    assert split(blobs, out, "--ratio", "2:1", "--seed", "5") == 0

    assert "18 teach, 9 validate. No photograph is on both sides" in capsys.readouterr().out
    sides = read_sides(out)
    data = prepare(blobs, TrainSettings(size_px=32, weights="none"), sides=sides)
    assert set(data.training.digests) == sides.training
    assert set(data.validation.digests) == sides.validation


def test_it_is_the_split_that_training_would_have_made(blobs: Path, tmp_path: Path):
    split(blobs, tmp_path / "split.json", "--seed", "4")

    said = json.loads((tmp_path / "split.json").read_text())
    own = prepare(blobs, TrainSettings(size_px=32, weights="none", seed=4)).record()
    assert {name: said[name] for name in own} == own


def test_copies_stay_together_and_unreadable_pictures_are_left_out(blobs: Path, tmp_path: Path):
    folder = shutil.copytree(blobs, tmp_path / "photos")
    for number in range(6):
        shutil.copy(folder / "Ruby/0.png", folder / f"Ruby/copy{number}.png")
    (folder / "Ruby/broken.png").write_bytes(b"")

    assert split(folder, tmp_path / "split.json", "--ratio", "1:1") == 0

    said = json.loads((tmp_path / "split.json").read_text())
    names = {
        side: {Path(p["path"]).name for p in said[side]} for side in ("training", "validation")
    }
    copies = {f"copy{number}.png" for number in range(6)}
    assert copies <= names["training"] or copies <= names["validation"]
    assert said["unreadable"] == [str(folder / "Ruby/broken.png")]


def test_the_proof_finds_a_photograph_on_both_sides(blobs: Path, tmp_path: Path):
    """The groups given to it are wrong here: it looks at the pictures themselves."""
    folder = shutil.copytree(blobs, tmp_path / "photos")
    shutil.copy(folder / "Ruby/0.png", folder / "Ruby/copy.png")
    (folder / "Ruby/copy.png").write_bytes((folder / "Ruby/0.png").read_bytes() + b"another file")
    scanned = scan(find_labelled(folder), lambda _: None)
    copy = next(n for n, p in enumerate(scanned.pictures) if p.path.name == "copy.png")
    alone = scanned.digests[copy]
    sides = KnownSides(frozenset(scanned.digests) - {alone}, frozenset({alone}))

    with pytest.raises(DataError, match="the split is not clean"):
        prove(scanned, range(len(scanned.pictures)), sides)


@pytest.mark.parametrize("given", ["8", "8:0", "a:b", "8:1:1", "-8:1"])
def test_a_ratio_that_is_none_is_refused(blobs: Path, tmp_path: Path, capsys, given: str):
    with pytest.raises(SystemExit, match="2"):
        split(blobs, tmp_path / "split.json", f"--ratio={given}")

    assert "must be two numbers like 8:1" in capsys.readouterr().err
