"""The README's commands for one's own stones are run word for word, and its links lead somewhere.

`make demo` and `make test` are not run here: they install this project.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).parents[1]
REST = ("train", "export", "calibrate", "evaluate", "compare", "run", "bench")


def commands_below(heading: str) -> list[str]:
    """The lines of the first console block under a heading of the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    block = re.search(r"```console\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return block.group(1).strip().splitlines()


@pytest.mark.slow
def test_your_own_stones_from_folder_to_recorded_video(tmp_path: Path):
    lines = commands_below("With your own stones")
    assert lines[0] == "source .venv/bin/activate"
    verbs = [line.split()[1] for line in lines[1:]]
    assert verbs == ["data", "data", *REST]
    (tmp_path / "edge_app").symlink_to(ROOT / "edge_app")  # for its models
    for line in lines[1:]:
        done = run(line, tmp_path)
        allowed = {0, 1} if "compare" in line else {0}
        assert done.returncode in allowed, f"{line}\n{done.stdout}\n{done.stderr}"

    outcome = json.loads((tmp_path / "runs/first/outcome.json").read_text())
    assert outcome["validation_top1"] >= 0.5  # seen: 0.93 of 15 pictures; chance: 1 in 15
    for page in ("check.html", "runs/first/report.html", "evaluation.html"):
        assert (tmp_path / page).stat().st_size > 10_000
    video = cv2.VideoCapture(str(tmp_path / "first.mp4"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == 120

    fakes = {"PYTHONPATH": f"{ROOT}:{ROOT}/tests/fakes/site", "FAKE_TENSORRT": "10.3"}
    printed = ""
    for line in commands_below("On an NVIDIA GPU"):
        done = run(line, tmp_path, fakes | {"GEMSCAN_CACHE": str(tmp_path / "cache")})
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        printed += done.stdout
    assert "kept" in printed  # by build
    assert "in one layer with their Conv: 16 of 16" in printed  # by inspect
    assert "the engine alone on the GPU" in printed  # by bench


def run(
    line: str, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """One line of the README. On a GPU: with the fakes of TensorRT and pycuda."""
    words = line.split()
    assert words[0] == "gemscan"
    return subprocess.run(
        [sys.executable, "-m", "gemscan", *words[1:]],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {}),
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_every_page_that_a_page_links_to_exists():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http", "<http")):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_verb_explains_itself_without_loading_a_heavy_library():
    import gemscan

    heavy = ["torch", "onnx", "onnxruntime", "cv2", "numpy", "sklearn"]
    for verb in gemscan.VERBS:
        code = (
            "import sys, gemscan\n"
            f"try: gemscan.main(['{verb}', '--help'])\n"
            "except SystemExit as done: assert done.code == 0\n"
            f"print([m for m in {heavy} if m in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert done.stdout.splitlines()[-1] == "[]", f"{verb}: {done.stdout}{done.stderr}"
