"""`gemscan data render`, as it is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gemscan
from deploy.pictures import find_pictures

ROOT = Path(gemscan.__file__).parent


def test_it_draws_the_classes_of_a_list_and_says_how_many(tmp_path, capsys):
    (tmp_path / "names.txt").write_text("Emerald\nTanzanite\n")
    out = tmp_path / "stones"

    words = ["data", "render", str(out), "--classes", str(tmp_path / "names.txt")]
    code = gemscan.main([*words, "--per-class", "2", "--size", "48", "--seed", "5"])

    assert code == 0
    assert capsys.readouterr().out == f"{out}: 4 pictures of 2 classes, 2 each\n"
    assert {p.parent.name for p in find_pictures(out)} == {"Emerald", "Tanzanite"}


def test_without_a_list_it_draws_the_fifteen_known_gems(tmp_path, capsys):
    code = gemscan.main(["data", "render", str(tmp_path), "--per-class", "1", "--size", "32"])

    assert code == 0
    assert "15 pictures of 15 classes" in capsys.readouterr().out


def test_a_folder_that_holds_files_is_refused_and_left_as_it_was(tmp_path, capsys):
    """Drawn stones must never be mixed with photographs."""
    (tmp_path / "photo.jpg").write_bytes(b"precious")

    code = gemscan.main(["data", "render", str(tmp_path), "--per-class", "1"])

    assert code == 2
    assert "already holds files" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, capsys):
    (tmp_path / "out").write_text("")

    assert gemscan.main(["data", "render", str(tmp_path / "out")]) == 2
    assert "is a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [["--per-class", "0"], ["--size", "5"], ["--seed", "-1"], ["--per-class", "many"]]
)
def test_a_number_out_of_range_is_refused_by_name(tmp_path, capsys, option):
    with pytest.raises(SystemExit) as stopped:
        gemscan.main(["data", "render", str(tmp_path), *option])

    assert stopped.value.code == 2
    assert option[0] in capsys.readouterr().err


def test_it_needs_nothing_of_what_only_the_workstation_has(tmp_path):
    """The other tasks of `gemscan data` do; a board without them still draws."""
    absent = ("torch", "scipy", "sklearn", "jinja2", "onnx", "onnxruntime")
    words = ["data", "render", str(tmp_path / "out"), "--per-class", "1", "--size", "32"]
    code = f"import sys\nfor name in {absent}: sys.modules[name] = None\n"
    code += f"import gemscan\nraise SystemExit(gemscan.main({words}))"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "15 pictures of 15 classes" in done.stdout
