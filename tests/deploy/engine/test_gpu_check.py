"""`make test-gpu` itself, on the fakes: when a GPU is at hand it must not fail for its own sake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.bundle import Bundle
from deploy.engine.process import ROOT


def check(bundle: Bundle, stones: Path, out: Path) -> subprocess.CompletedProcess[str]:
    words = ["--bundle", str(bundle.root), "--images", str(stones), "--json", str(out)]
    return subprocess.run(
        [sys.executable, "-m", "tests.gpu.check", *words, "--seconds", "0.4"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("tensorrt_pose", ["10.16"], indirect=True)
def test_it_runs_through_and_writes_every_number(
    tensorrt_pose, bundle: Bundle, stones: Path, tmp_path: Path
):
    done = check(bundle, stones, tmp_path / "out.json")

    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads((tmp_path / "out.json").read_text())
    assert set(said["engines"]) == {"int8-qdq", "int8-calibrator", "fp16", "fp32"}
    assert set(said["loop"]) == set(said["engines"])
    assert said["loop"]["fp16"]["engine"]["p90_ms"] > 0
    assert said["threads"] < 1e-3
    assert "in one layer with their Conv: 3 of 3" in " ".join(said["layers"])


@pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)
def test_what_does_not_hold_is_named_and_fails(tensorrt_pose, bundle, stones, tmp_path):
    tensorrt_pose.gpu.configure(fail="no kernel at all")

    done = check(bundle, stones, tmp_path / "out.json")

    assert done.returncode == 1
    assert done.stdout.count("FAILED: ") == 4
    assert "no kernel at all" in done.stdout
