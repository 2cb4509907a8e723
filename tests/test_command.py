"""Exit codes and one-sentence errors of the `gemscan` command."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

import gemscan
from deploy.errors import MissingDependencyError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "nowhere", "--out", "run"], "nowhere is not a folder"),
        (["train", "empty", "--out", "run"], "holds no pictures in class folders"),
        (["train", "one", "--out", "run", "--weights", "none"], "one class only"),
        (["train", "one", "--out", "run", "--size", "5"], "size_px must be from 32 to 819"),
        (["train", "one", "--out", "run", "--classes", "none.txt"], "cannot be read as a list"),
        (["train", "one", "--out", "run", "--device", "cuda"], "finds no NVIDIA GPU"),
        (["train", "one", "--out", "run", "--resume"], "is no run that could go on"),
        (["train", "one", "--out", "run", "--config", "none.json"], "Settings are written in JSON"),
        (["reproduce", "nowhere", "--out", "run"], "nowhere is not a folder"),
        (["reproduce", "one", "--out", "run", "--epochs", "0"], "epochs must be at least 1"),
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
    import deploy.render_command as render_command

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(render_command, "run_render", interrupted)
    assert gemscan.main(["data", "render", "somewhere"]) == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize("made_of_it", [ImportError, MissingDependencyError])
def test_ctrl_c_that_a_librarys_import_turns_into_another_error_is_still_one(
    monkeypatch, capsys, made_of_it
):
    import deploy.render_command as render_command

    def interrupted(_: object) -> int:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt:
            raise made_of_it("the C-extensions failed") from None
        return 0

    monkeypatch.setattr(render_command, "run_render", interrupted)
    assert gemscan.main(["data", "render", "somewhere"]) == 130
    assert capsys.readouterr().err == "stopped\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_import_that_fails_by_itself_keeps_its_traceback(monkeypatch):
    import deploy.render_command as render_command

    def broken(_: object) -> int:
        raise ImportError("no such library")

    monkeypatch.setattr(render_command, "run_render", broken)
    with pytest.raises(ImportError, match="no such library"):
        gemscan.main(["data", "render", "somewhere"])


def test_an_unknown_verb_lists_those_that_exist(capsys):
    with pytest.raises(SystemExit, match="2"):
        gemscan.main(["fly"])

    assert "calibrate" in capsys.readouterr().err
