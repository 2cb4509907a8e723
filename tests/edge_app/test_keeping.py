from __future__ import annotations

from pathlib import Path

import pytest

from deploy.record.reader import RecordReader
from edge_app.desk.keeping import Keeper, folder_to_keep_in
from edge_app.live.tray_light import TrayLight
from edge_app.record.recorder import Recorder
from tests.desks import RUBY, scanned


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
