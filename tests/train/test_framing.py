"""The framing that a run was given stays with its weights, its bundle and its resumed self."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import gemscan
from deploy.bundle import load_bundle
from deploy.folders import find_labelled
from deploy.golden.golden import golden_batch, read_golden
from deploy.pictures import read_picture
from deploy.preprocess import Framing, preprocess_picture
from train.checkpoint import load_weights
from train.data.pictures import read_squares
from train.data.prepare import prepare
from train.framing import framing_of, saved_framing
from train.run.folder import BEST, SETTINGS, read_record
from train.settings import TrainSettings


@pytest.fixture(scope="module")
def stones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pictures of each of two classes: a small stone off the middle of a white tray."""
    folder = tmp_path_factory.mktemp("stones")
    rng = np.random.default_rng(0)
    for name, colour in {"Ruby": (60, 20, 200), "Peridot": (60, 190, 120)}.items():
        (folder / name).mkdir()
        for number in range(9):
            picture = rng.integers(236, 244, (72, 96, 3), dtype=np.uint8)
            middle = tuple(int(v) for v in rng.integers(18, 54, 2))
            axes = tuple(int(v) for v in rng.integers(8, 16, 2))
            cv2.ellipse(picture, middle, axes, int(rng.integers(180)), 0, 360, colour, -1)
            cv2.imwrite(str(folder / name / f"{number}.png"), picture)
    return folder


@pytest.fixture(scope="module")
def run(stones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch that frames the stone."""
    out = tmp_path_factory.mktemp("framed") / "run"
    words = ["train", str(stones), "--out", str(out), "--size", "32", "--batch", "8"]
    words += ["--epochs", "1", "--device", "cpu", "--weights", "none", "--framing", "stone"]
    assert gemscan.main(words) == 0
    return out


def test_the_framing_goes_from_the_flag_into_the_weights_and_the_bundle(run: Path, tmp_path: Path):
    assert gemscan.main(["export", str(run), str(tmp_path / "bundle")]) == 0

    bundle = load_bundle(tmp_path / "bundle")
    golden = read_golden(bundle)
    assert read_record(run).settings.framing == "stone"
    assert bundle.manifest.framing == framing_of("stone")
    assert golden is not None
    picture = read_picture(bundle.root / "golden" / golden.pictures[0])
    square = preprocess_picture(picture, framing_of("stone"), bundle.manifest.input)
    assert np.array_equal(golden_batch(bundle, golden)[0], square)


def test_both_sides_of_the_split_see_the_framed_stone(stones: Path):
    prepared = prepare(stones, TrainSettings(size_px=32, framing="stone"))

    for side, px in ((prepared.training, 40), (prepared.validation, 32)):
        framed = read_squares(side.pictures, px, framing_of("stone")).pixels
        central = read_squares(side.pictures, px, Framing()).pixels
        seen = side.pixels.numpy().transpose(0, 2, 3, 1)
        assert np.array_equal(seen, framed)
        assert not np.array_equal(seen, central)


def test_the_split_does_not_depend_on_the_framing(stones: Path):
    """Else weights of a run with the other framing would have seen what now validates."""
    sides = [
        prepare(stones, TrainSettings(size_px=32, framing=framing)).validation.pictures
        for framing in ("centre", "stone")
    ]

    assert sides[0] == sides[1]
    assert len(sides[0]) < len(find_labelled(stones))


def test_a_run_from_before_there_was_a_choice_has_the_central_square(run: Path, tmp_path: Path):
    said = json.loads((run / SETTINGS).read_text())
    del said["settings"]["framing"]
    (tmp_path / SETTINGS).write_text(json.dumps(said))
    weights = load_weights(run / BEST)
    assert saved_framing(weights) == framing_of("stone")
    del weights["framing"]

    assert read_record(tmp_path).settings.framing == "centre"
    assert saved_framing(weights) == Framing()


def test_a_run_is_not_resumed_with_another_framing(
    run: Path, stones: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["train", str(stones), "--out", str(run), "--resume", "--framing", "centre"]

    assert gemscan.main(words) == 2
    assert "was started with framing stone, not centre" in capsys.readouterr().err


def test_a_framing_that_is_not_known_is_refused_by_name():
    with pytest.raises(ValueError, match="framing must be centre or stone, not “guess”"):
        TrainSettings(framing="guess")
