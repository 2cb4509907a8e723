"""Starting the process that builds, watching it, and saying how it ended."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import deploy
from deploy.engine.builder import BuildError
from deploy.engine.child import CANCELLED, Job
from deploy.engine.progress import Phase, Show, build_line

log = logging.getLogger(__name__)

BUILDER = "deploy.engine.child"
ROOT = Path(deploy.__file__).parents[1]
STDERR = 2
PATIENCE_S = 10.0  # for a cancelled build to end by itself

OUT_OF_MEMORY = (
    "the build was killed, most likely by the kernel for want of memory. Close other programs and "
    "the desktop, add swap (docs/jetson.md), or give a lower --workspace-mb"
)


def build_in_child(job: Job, lock: int, title: str, *, module: str = BUILDER) -> dict[str, Any]:
    """Run a build to its end.

    Args:
        lock: the file descriptor of the store's lock, which the child holds too.
        title: for the progress line.
        module: runs `deploy.engine.child.main`, with or without a calibrator.

    Returns:
        What the child says of the engine that it wrote.

    Raises:
        BuildError: it failed, crashed or was killed.
        KeyboardInterrupt: it was stopped, by Ctrl-C here or there.
    """
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", module, str(writing)],
        stdin=subprocess.PIPE,
        stdout=STDERR,
        cwd=ROOT,  # so that this very gemscan is found, installed or not
        pass_fds=(lock, writing),
        text=True,
    )
    os.close(writing)
    try:
        with os.fdopen(reading, encoding="utf-8") as events, build_line(title) as show:
            said = _watch(child, job, events, show)
        code = child.wait()
    except BaseException:
        _stop(child)
        raise
    return _outcome(said, code)


def _watch(
    child: subprocess.Popen[str], job: Job, events: Iterable[str], show: Show
) -> dict[str, Any]:
    """Hand the job over and show how far it is; what was said last of each kind."""
    assert child.stdin is not None
    said: dict[str, Any] = {}
    with suppress(BrokenPipeError), child.stdin as stdin:  # it died; how, its exit code says
        stdin.write(json.dumps(asdict(job)) + "\n")
    for line in events:
        event = json.loads(line)
        said.update(event)
        show(Phase(**event["phase"]) if "phase" in event else None)
    return said


def _stop(child: subprocess.Popen[str]) -> None:
    """Let a build cancel itself, and end it where it does not."""
    child.terminate()
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _outcome(said: dict[str, Any], code: int) -> dict[str, Any]:
    if code == 0 and "built" in said:
        built: dict[str, Any] = said["built"]
        return built
    if code in (CANCELLED, -signal.SIGINT, -signal.SIGTERM):
        raise KeyboardInterrupt
    if "error" in said:
        raise BuildError(said["error"])
    if code == -signal.SIGKILL:
        raise BuildError(OUT_OF_MEMORY)
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    raise BuildError(f"the build {how} and wrote no engine; what it printed last is above")
