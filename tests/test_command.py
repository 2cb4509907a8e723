"""Exit codes and one-sentence errors of the `gemscan` command."""

from __future__ import annotations

from pathlib import Path

import pytest

import gemscan


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "nowhere", "--out", "run"], "nowhere is not a folder"),
        (["train", "empty", "--out", "run"], "holds no pictures in class folders"),
        (["train", "one", "--out", "run", "--weights", "none"], "one class only"),
        (["train", "one", "--out", "run", "--size", "5"], "size_px must be from 32 to 819"),
        (["train", "one", "--out", "run", "--classes", "none.txt"], "cannot be read as a list"),
        (["train", "one", "--out", "run", "--device", "cuda"], "finds no NVIDIA GPU"),
        (["train", "one", "--out", "run", "--resume"], "cannot be resumed"),
        (["export", "nowhere", "bundle"], "there is no checkpoint"),
        (["report", "nowhere"], "holds no run"),
        (["calibrate", "empty", "--images", "one"], "is not a model bundle"),
        (["evaluate", "empty", "one"], "is not a model bundle"),
        (["evaluate", "empty", "one", "--html", "page.html"], "is not a model bundle"),
        (["compare", "empty", "one"], "is not a model bundle"),
        (["run", "--bundle", "empty", "--source", "demo://"], "is not a model bundle"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch, capsys, words, said
):
    import torch
    from PIL import Image

    if "cuda" in words and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("one/Ruby").mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (40, 40), (200, number, 9)).save(f"one/Ruby/{number}.png")

    assert gemscan.main(words) == 2

    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message


def test_ctrl_c_ends_with_130_and_no_traceback(monkeypatch, capsys):
    import deploy.data_command as data_command

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(data_command, "run_render", interrupted)
    assert gemscan.main(["data", "render", "somewhere"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_an_unknown_verb_lists_those_that_exist(capsys):
    with pytest.raises(SystemExit, match="2"):
        gemscan.main(["fly"])

    assert "calibrate" in capsys.readouterr().err
