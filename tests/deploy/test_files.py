"""Files are whole or not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.errors import StorageError
from deploy.files import sha256, staged_folder, without_nan, write_bytes, write_json

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


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(5, "Input/output error")])
def test_a_stop_between_the_two_renames_puts_the_old_folder_back(tmp_path, monkeypatch, stop):
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "a").write_text("old")
    rename, calls = Path.rename, []

    def stopped_second(self: Path, to: Path) -> Path:
        calls.append(to)
        if len(calls) == 2:
            raise stop
        return rename(self, to)

    with pytest.raises((KeyboardInterrupt, StorageError)), staged_folder(target) as stage:
        (stage / "a").write_text("new")
        monkeypatch.setattr(Path, "rename", stopped_second)

    assert (target / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_a_link_to_a_folder_stays_one(tmp_path: Path):
    (tmp_path / "v1").mkdir()
    (tmp_path / "current").symlink_to("v1")

    with staged_folder(tmp_path / "current") as stage:
        (stage / "a").write_text("new")

    assert (tmp_path / "current").is_symlink()
    assert (tmp_path / "v1" / "a").read_text() == "new"


def test_a_folder_is_replaced_from_inside_it(tmp_path: Path, monkeypatch):
    (tmp_path / "bundle").mkdir()
    monkeypatch.chdir(tmp_path / "bundle")

    with staged_folder(Path()) as stage:
        (stage / "a").write_text("new")

    assert (tmp_path / "bundle" / "a").read_text() == "new"


def test_a_file_is_for_its_owner_alone_when_that_is_asked(tmp_path: Path):
    write_json(tmp_path / "open.json", 1)
    write_json(tmp_path / "closed.json", 1, mode=0o600)

    assert (tmp_path / "open.json").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "closed.json").stat().st_mode & 0o777 == 0o600


def test_a_link_to_a_file_stays_one(tmp_path: Path):
    (tmp_path / "link.json").symlink_to("real.json")

    write_json(tmp_path / "link.json", [1])

    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text()) == [1]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path):
    """As is /dev/stdout, or /dev/null, given to --json."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_bytes(pipe, b"said")
        assert os.read(reader, 100) == b"said"
    finally:
        os.close(reader)

    assert pipe.is_fifo()


def test_a_file_name_that_is_not_utf8_is_written_and_read_back_equal(tmp_path: Path):
    name = os.fsdecode(b"rub\xff.jpg")

    write_json(tmp_path / "split.json", [name, "Améthyste"])

    assert json.loads((tmp_path / "split.json").read_text("utf-8")) == [name, "Améthyste"]


def test_what_is_no_number_is_no_json(tmp_path: Path):
    said = {"loss": float("nan"), "rows": ({"gap": float("inf")}, 1.5)}

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", said)
    assert list(tmp_path.iterdir()) == []

    assert without_nan(said) == {"loss": None, "rows": [{"gap": None}, 1.5]}
