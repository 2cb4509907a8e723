from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from deploy.decision import NAME, Candidate, Verdict
from deploy.preprocess import SquareBox
from deploy.record.reader import RecordReader
from deploy.record.stones import new_key
from edge_app.keeping import Keeper, folder_to_keep_in
from edge_app.record.recorder import Recorder
from edge_app.scanner.stone import ScannedStone
from edge_app.tray_light import TrayLight

RUBY = Verdict(NAME, (Candidate("Ruby", 0.9), Candidate("Spinel", 0.1)))


def scanned(**other) -> ScannedStone:
    now = time.monotonic()
    said = {
        "key": new_key(),
        "number": 1,
        "rested_s": now - 5,
        "verdict_s": now - 4.4,
        "lifted_s": now - 1,
        "first": RUBY,
        "verdict": RUBY,
        "confidences": np.array([0.9, 0.1], np.float32),
        "familiarity": 12.5,
        "embedding": np.ones(2048, np.float32),
        "frames": 7,
        "frame_bgr": np.full((48, 64, 3), 90, np.uint8),
        "box": SquareBox(8, 0, 48),
        "focus": 0.8,
    }
    return ScannedStone(**{**said, **other})


@pytest.mark.parametrize(
    ("chosen", "source", "live", "kept_in"),
    [
        (None, "0", True, "home"),
        (None, "demo://", True, None),
        ("here", "demo://", True, "here"),
        ("none", "0", True, None),
        ("here", "stones.mp4", False, None),
    ],
)
def test_a_cameras_stones_are_kept_and_the_demos_are_not(
    chosen, source, live, kept_in, tmp_path, monkeypatch
):
    monkeypatch.setenv("GEMSCAN_RECORD", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    with folder_to_keep_in(chosen, source, live=live) as folder:
        assert folder == (kept_in and tmp_path / kept_in)


def test_the_demos_stones_are_kept_for_a_page_as_long_as_it_is_shown():
    with folder_to_keep_in(None, "demo://", live=True, passing=True) as folder:
        assert folder is not None
        assert folder.is_dir()
    assert not folder.exists()


def test_a_stone_is_kept_with_what_looked_at_it(tmp_path: Path, fakes, bundle):
    light = TrayLight(fakes.ScriptedSource([], live=True))
    with Recorder(tmp_path / "record") as recorder:
        keeper = Keeper(recorder, bundle, fakes.FixedBackend([1, 0]), light)
        keeper.keep(scanned())
        keeper.keep(scanned(lifted_s=None))

    with RecordReader(tmp_path / "record") as reader:
        lifted, left = (entry.stone for entry in reader.entries())
    assert lifted.verdict == RUBY
    assert lifted.seconds == pytest.approx(0.6, abs=0.01)
    assert lifted.laid_at < lifted.lifted_at
    assert left.lifted_at == ""
    assert (lifted.setup.bundle_name, lifted.setup.backend, lifted.setup.camera) == (
        "tiny",
        "fixed",
        "script",
    )


def test_a_disk_that_fails_is_the_recorders_trouble(tmp_path: Path, fakes, bundle):
    blocked = tmp_path / "file"
    blocked.write_text("")
    light = TrayLight(fakes.ScriptedSource([], live=True))
    with Recorder(blocked) as recorder:
        Keeper(recorder, bundle, fakes.FixedBackend([1, 0]), light).keep(scanned())
        recorder.close()

        assert recorder.problem
        assert recorder.missed == 1
