"""The process that builds: what its parent hears, and how it can end."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.bundle import Bundle
from deploy.engine.builder import BuildError
from deploy.engine.child import Job
from deploy.engine.process import ROOT, build_in_child

only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)

# A program that wants an engine, as `gemscan run` does.
PARENT = """
import json, sys
from pathlib import Path
from deploy.engine.child import Job
from deploy.engine.process import build_in_child
with open(sys.argv[2], "w") as lock:
    build_in_child(Job(**json.loads(sys.argv[1])), lock.fileno(), "building")
"""


@pytest.fixture
def job(bundle: Bundle, tmp_path: Path) -> Job:
    """A float32 build."""
    return Job(str(bundle.root), "fp32", str(tmp_path / "plan"), 64, None, None, debug=False)


def run(job: Job, tmp_path: Path) -> dict[str, object]:
    with (tmp_path / "lock").open("w") as lock:
        return build_in_child(job, lock.fileno(), "building")


def wait_for(what: Callable[[], object], timeout_s: float = 30.0) -> None:
    end = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_build_writes_the_engine_and_tells_what_the_sidecar_needs(tensorrt_pose, job, tmp_path):
    said = run(job, tmp_path)

    assert said == {"flags": [], "workspace_mb": 64, "calibration": {}}
    assert (tmp_path / "plan").stat().st_size > 1000


@only_10
def test_the_parents_own_process_holds_nothing_of_the_build(tensorrt_pose, job, tmp_path):
    run(job, tmp_path)

    assert tensorrt_pose.gpu.state()["device"] == 0
    assert "tensorrt" not in sys.modules


@only_10
def test_a_build_that_fails_raises_with_the_childs_message(tensorrt_pose, job, tmp_path):
    tensorrt_pose.gpu.configure(fail="no kernel for this GPU")

    with pytest.raises(BuildError, match="no kernel for this GPU"):
        run(job, tmp_path)

    assert not (tmp_path / "plan").exists()


@only_10
def test_a_build_killed_for_want_of_memory_is_told_so_with_what_to_do(tensorrt_pose, job, tmp_path):
    tensorrt_pose.gpu.configure(crash="kill", build_s=0.2)

    with pytest.raises(BuildError, match=r"want of memory(.|\n)*--workspace-mb"):
        run(job, tmp_path)


@only_10
def test_a_builder_that_crashes_takes_nobody_with_it(tensorrt_pose, job, tmp_path):
    tensorrt_pose.gpu.configure(crash="segfault", build_s=0.2)

    with pytest.raises(BuildError, match="ended by SIGSEGV"):
        run(job, tmp_path)


@only_10
def test_a_full_disk_is_one_sentence(tensorrt_pose, job, tmp_path):
    nowhere = Job(**{**job.__dict__, "out": "/dev/full/plan"})

    with pytest.raises(BuildError, match="could not be written"):
        run(nowhere, tmp_path)


def is_over(pid: int) -> bool:
    """Gone, or a zombie that nobody has waited for."""
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def start_parent(job: Job, tmp_path: Path, gpu) -> subprocess.Popen[str]:
    """A parent whose build takes long, once the build has begun."""
    gpu.configure(build_s=60.0, steps=600)
    words = [sys.executable, "-c", PARENT, json.dumps(job.__dict__), str(tmp_path / "lock")]
    parent = subprocess.Popen(
        words,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests that a shell runs in the background have Ctrl-C ignored, and pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_for(lambda: children_of(parent.pid))
    time.sleep(1.5)  # into TensorRT's own code
    return parent


def test_ctrl_c_in_the_terminal_ends_both_soon_and_leaves_nothing(tensorrt_pose, job, tmp_path):
    """A terminal signals the whole group. TensorRT 8 cannot cancel; there the process ends."""
    parent = start_parent(job, tmp_path, tensorrt_pose.gpu)
    (child,) = children_of(parent.pid)

    os.killpg(parent.pid, signal.SIGINT)
    _, errors = parent.communicate(timeout=20)

    assert parent.returncode != 0
    assert "KeyboardInterrupt" in errors
    assert is_over(child)
    assert not (tmp_path / "plan").exists()


@only_10
def test_a_signal_to_the_parent_alone_ends_the_build_too(tensorrt_pose, job, tmp_path):
    parent = start_parent(job, tmp_path, tensorrt_pose.gpu)
    (child,) = children_of(parent.pid)

    parent.send_signal(signal.SIGINT)
    parent.communicate(timeout=20)

    assert is_over(child)


def test_a_build_whose_parent_was_killed_stops_by_itself(tensorrt_pose, job, tmp_path):
    """Until then it holds the lock that it inherited, so that nobody builds beside it."""
    parent = start_parent(job, tmp_path, tensorrt_pose.gpu)
    (child,) = children_of(parent.pid)
    fds = Path(f"/proc/{child}/fd")
    assert str(tmp_path / "lock") in [str(fd.readlink()) for fd in fds.iterdir()]

    parent.kill()
    parent.communicate()

    wait_for(lambda: is_over(child))
    assert not (tmp_path / "plan").exists()


@only_10
def test_what_libraries_print_in_the_child_does_not_disturb_its_events(
    tensorrt_pose, job, tmp_path, monkeypatch, capfd
):
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("print('a library greets')\n")
    monkeypatch.setenv("PYTHONPATH", f"{site}:{os.environ['PYTHONPATH']}")

    run(job, tmp_path)

    printed = capfd.readouterr()
    assert "a library greets" in printed.err
    assert printed.out == ""


@only_10
def test_a_timing_cache_that_cannot_be_written_costs_no_engine(tensorrt_pose, job, tmp_path, capfd):
    words = {**job.__dict__, "timing_cache": "/proc/nowhere/cache"}

    run(Job(**words), tmp_path)

    assert (tmp_path / "plan").stat().st_size > 1000
    assert "could not be written" in capfd.readouterr().err


@only_10
def test_a_file_that_is_no_timing_cache_is_left_as_it_is(tensorrt_pose, job, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("call the jeweller")

    run(Job(**{**job.__dict__, "timing_cache": str(notes)}), tmp_path)

    assert notes.read_text() == "call the jeweller"


@pytest.mark.parametrize("tensorrt_pose", ["8.6"], indirect=True)
def test_a_build_that_tells_nothing_still_gives_signs_of_life(
    tensorrt_pose, job, tmp_path, monkeypatch, caplog
):
    """Nobody watches, and TensorRT 8 has no progress: a line in the log says that it goes on."""
    from deploy.engine import progress

    monkeypatch.setattr(progress, "LOG_EVERY_S", 0.5)
    caplog.set_level(logging.INFO)
    tensorrt_pose.gpu.configure(build_s=2.0)

    run(job, tmp_path)

    assert "building: 1 s" in caplog.text


def test_threads_are_not_left_behind(tensorrt_pose, job, tmp_path):
    before = threading.active_count()
    run(job, tmp_path)
    assert threading.active_count() == before
