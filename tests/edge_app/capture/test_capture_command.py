"""`gemscan capture` as a user starts it: the camera of the demo, a real server, a real folder."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from deploy.errors import DataError
from deploy.folders import find_labelled
from deploy.pictures import read_picture
from edge_app.capture_command import read_classes

ROOT = Path(__file__).parents[3]


def test_classes_come_from_a_file_or_from_the_command(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("Ruby\n\nGarnet Red\n", encoding="utf-8")

    assert list(read_classes(str(path))) == ["Ruby", "Garnet Red"]
    assert list(read_classes("Ruby, Garnet Red,,")) == ["Ruby", "Garnet Red"]
    assert list(read_classes(None)) == []
    path.write_text("")
    with pytest.raises(DataError, match="no class name"):
        read_classes(str(path))


def test_the_demo_fills_a_folder_that_training_reads(tmp_path):
    words = ["capture", str(tmp_path), "--source", "demo://?fps=5", "--classes", "Ruby,Emerald"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gemscan", *words, "--listen", "0"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        mine = {"Origin": found[0]}
        with httpx.Client(base_url=found[0], timeout=20, headers=mine) as client:
            assert client.get("/api/session").json()["mode"] == "capture"
            assert "Hold to record" in client.get("/page/capture-words.js").text
            assert 'id="hold"' in client.get("/").text
            client.post("/api/capture/class", json={"label": "Ruby"})
            held_until(client, lambda capture: capture["kept"] >= 2)
        address = f"{found[0].replace('http', 'ws')}/api/live"
        with connect(address, origin=found[0]) as socket:
            data = socket.recv(20)
            assert isinstance(data, bytes)
            reading = json.loads(data[4 : 4 + int.from_bytes(data[:4], "big")])
            assert reading["capture"]["chosen"] == "Ruby"
    finally:
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    pictures = find_labelled(tmp_path)
    assert f"{len(pictures)} pictures added" in printed
    assert {picture.label for picture in pictures} == {"Ruby"}
    assert {read_picture(picture.path).shape for picture in pictures} == {(720, 1280, 3)}


def held_until(client: httpx.Client, enough) -> None:
    until = time.monotonic() + 60
    while not enough(client.get("/api/capture").json()):
        assert time.monotonic() < until
        assert client.post("/api/capture/hold", json={"on": True}).status_code == 204
        time.sleep(0.2)
