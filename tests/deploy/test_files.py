"""Files are whole or not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.errors import StorageError
from deploy.files import sha256, staged_folder, write_bytes

WRITER = """
import sys
from pathlib import Path
from deploy.files import write_bytes
target = Path(sys.argv[1])
print("ready", flush=True)
for number in range(10_000):
    write_bytes(target, bytes([number % 256]) * 4_000_000)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path):
    target = tmp_path / "checkpoint.pt"
    write_bytes(target, b"\0" * 4_000_000)
    for pause_s in (0.05, 0.11, 0.17, 0.23):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(pause_s)
        writer.send_signal(signal.SIGKILL)
        writer.wait(timeout=10)

        data = target.read_bytes()
        assert len(data) == 4_000_000
        assert len(set(data)) == 1


def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path: Path, monkeypatch):
    target = tmp_path / "model.onnx"
    write_bytes(target, b"old")

    def no_space(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(StorageError, match=r"model\.onnx could not be written: No space left"):
        write_bytes(target, b"new")

    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_a_folder_is_put_in_place_only_when_it_is_done(tmp_path: Path):
    target = tmp_path / "bundle"
    with staged_folder(target) as stage:
        (stage / "a").write_text("1")
        assert not target.exists()
    with pytest.raises(KeyboardInterrupt), staged_folder(target) as stage:
        (stage / "a").write_text("2")
        raise KeyboardInterrupt

    assert (target / "a").read_text() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_the_digest_is_that_of_the_bytes(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"abc")

    assert sha256(tmp_path / "x").startswith("ba7816bf8f01cfea")
