"""The commands as a user runs them: the whole process, a real bundle, real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gemscan
from deploy.decision import LIST, REFER, Candidate, Verdict
from deploy.record.stones import Provisional
from edge_app.console import Teller
from edge_app.feed import open_feed
from edge_app.live.eye import Seen
from edge_app.live.stats import LoopStats

ROOT = Path(gemscan.__file__).parent
NEEDS_NO_SCREEN = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}


def start(*words) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, ROOT / "gemscan.py", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=NEEDS_NO_SCREEN,
    )


def run(*words) -> tuple[int, str, str]:
    process = start(*words)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_run_on_a_video_tells_each_verdict_and_writes_its_numbers(bundle, video, tmp_path):
    numbers = tmp_path / "numbers.json"

    code, out, err = run("run", "--bundle", bundle.root, "--source", video, "--json", numbers)

    assert code == 0, err
    assert [line.split()[-1] for line in out.splitlines()[:2]] == ["dog", "cat"]
    assert "20 frames in" in out.splitlines()[-1]
    said = json.loads(numbers.read_text())
    assert (said["frames"], said["dropped"], said["camera_errors"]) == (20, 0, 0)
    assert said["labels"] == {"dog": 10, "cat": 10}
    assert said["bundle"] == {"name": "tiny", "version": "1", "digest": bundle.digest}
    assert said["backend"] == {"name": "onnx-cpu", "precision": "fp32"}
    assert 0 < said["latency"]["p50_ms"] <= said["latency"]["p95_ms"]
    assert 0 < said["first_label_s"] < 60
    assert said["peak_memory_mb"] > 10


def test_run_records_what_it_drew(bundle, pictures, tmp_path):
    recording = tmp_path / "out.avi"

    code, _, err = run("run", "--bundle", bundle.root, "--source", pictures, "--record", recording)

    assert code == 0, err
    assert recording.stat().st_size > 0
    assert "b.jpg" in err  # a picture that could not be read, in a warning


def test_who_says_where_to_listen_is_told_that_no_page_is_served(bundle, pictures):
    words = "run", "--bundle", bundle.root, "--source", pictures, "--display", "none"

    assert "add --display web" in run(*words, "--listen", "8080")[2]
    assert "--display web" not in run(*words)[2]


def test_ctrl_c_ends_a_run_as_if_it_had_come_to_its_end(bundle, video, tmp_path):
    numbers, recording = tmp_path / "numbers.json", tmp_path / "out.avi"
    process = start(
        *("run", "--bundle", bundle.root, "--source", f"{video}?loop=1"),
        *("--json", numbers, "--record", recording),
    )
    assert process.stdout is not None
    assert "dog" in process.stdout.readline()  # the loop is running

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert json.loads(numbers.read_text())["frames"] > 0
    assert recording.stat().st_size > 0


def test_ctrl_c_at_any_early_moment_ends_the_process(bundle, video):
    process = start("run", "--bundle", bundle.root, "--source", f"{video}?loop=1")
    while "numpy" not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.01)  # before its imports Python itself would answer, with its own exit code
        assert process.poll() is None
    process.send_signal(signal.SIGINT)  # somewhere among the imports
    process.communicate(timeout=30)

    assert process.returncode in (0, 130, -signal.SIGINT)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--source", "/dev/video99"), "/dev/video99 is not there"),
        (("--source", "nothing.mp4"), "nothing.mp4 is not there"),
        (("--source", "demo://?fsp=1"), "option “fsp” is not known"),
        (("--source", "demo://", "--backend", "gpu"), "backend “gpu” is not known"),
        (("--source", "demo://", "--precision", "int8"), "holds no int8 model"),
        (("--source", "demo://", "--display", "window"), "--display window: "),
        (("--source", "demo://", "--bundle", "/nowhere"), "/nowhere is not a model bundle"),
    ],
)
def test_what_the_user_can_mend_is_said_in_one_sentence(bundle, words, said):
    code, out, err = run("run", "--bundle", bundle.root, *words)

    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert said in err


def test_a_broken_video_brings_no_noise_from_opencv(bundle, tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42")

    code, _, err = run("run", "--bundle", bundle.root, "--source", path, "--display", "none")

    assert code == 2
    assert len(err.splitlines()) == 1
    assert err.startswith(f"error: {path} holds no video frame")


def test_bench_measures_the_loop_beside_the_bare_model(bundle, video, tmp_path):
    """The video is shorter than the measurement, so it is opened again and again."""
    numbers = tmp_path / "numbers.json"

    code, out, err = run(
        *("bench", "--bundle", bundle.root, "--source", video),
        *("--seconds", 0.4, "--json", numbers),
    )

    assert code == 0, err
    assert "camera to label" in out
    assert "whole loop" in out
    said = json.loads(numbers.read_text())
    assert said["frames"] > 20
    assert said["fps"] > 0
    assert said["bare_fps"] > 0
    assert set(said["stages"]) == {"capture", "gate", "preprocess", "infer", "decide", "draw"}
    assert said["machine"]["cores"] >= 1


def test_doctor_is_content_with_a_bundle_that_runs(bundle, tmp_path):
    numbers = tmp_path / "doctor.json"

    code, out, err = run("doctor", "--bundle", bundle.root, "--json", numbers)

    assert code == 0, out + err
    assert "This machine can run gemscan." in out
    assert json.loads(numbers.read_text())["ready"] is True


def test_doctor_says_that_a_damaged_bundle_cannot_be_run(bundle):
    (bundle.root / "model.onnx").write_bytes(b"damaged")

    code, out, _ = run("doctor", "--bundle", bundle.root)

    assert code == 1
    assert "model.onnx is not the file that bundle.json describes" in out
    assert "This machine cannot run gemscan yet." in out


def test_a_stranger_is_told_without_a_confidence(capsys):
    candidates = (Candidate("Ruby", 0.87), Candidate("Spinel", 0.1))
    tell = Teller(LoopStats())

    for verdict in (Verdict(REFER, candidates, unfamiliar=True), Verdict(REFER, candidates)):
        tell.verdict(Seen(verdict, final=True, box=None, fresh=True))

    stranger, unsure = capsys.readouterr().out.splitlines()
    assert stranger.endswith("refer: unlike every kind it knows")
    assert "87%" not in stranger
    assert unsure.endswith("87%  refer")


def test_a_taught_name_is_told_as_provisional_and_without_the_models_confidence(capsys):
    verdict = Verdict(LIST, (Candidate("Ruby", 0.87), Candidate("Spinel", 0.1)), listed=2)
    taught = Provisional("Tsavorite", 0.971)

    Teller(LoopStats()).verdict(Seen(verdict, True, None, True, provisional=taught))

    out = capsys.readouterr().out
    assert out.endswith("taught: Tsavorite, provisional\n")
    assert "Ruby" not in out
    assert "%" not in out


def test_the_stones_of_a_run_are_kept_and_listed(bundle, tmp_path, capsys):
    words = [
        "--source",
        "demo://?stones=1&rest=8",
        "--display",
        "none",
        "--keep",
        str(tmp_path / "kept"),
    ]
    assert gemscan.main(["run", "--bundle", str(bundle.root), *words]) == 0
    capsys.readouterr()

    assert gemscan.main(["log", "--folder", str(tmp_path / "kept")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "stones: 1, referred: 0, corrected: 0"


def test_ctrl_c_while_the_camera_opens_is_not_kept_waiting_for_the_model(
    bundle, pictures, monkeypatch, capsys
):
    def interrupted(*words, **more):
        os.kill(os.getpid(), signal.SIGINT)
        return open_feed(*words, **more)

    monkeypatch.setattr("edge_app.feed.open_feed", interrupted)
    monkeypatch.setattr("edge_app.run_command.open_model", lambda *_: pytest.fail("it was opened"))

    code = gemscan.main(["run", "--bundle", str(bundle.root), "--source", str(pictures)])

    assert code == 130
    assert capsys.readouterr().err.endswith("stopped\n")
