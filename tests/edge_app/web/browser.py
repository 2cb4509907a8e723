"""A real browser, and the real command that serves the page to it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MUST = os.environ.get("GEMSCAN_BROWSER") == "must"

# As root there is no sandbox; the rest keeps the browser from calling anybody.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def open_browser() -> Iterator:
    """Chromium, driven by playwright; the test is skipped where one of them is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed")
    if CHROMIUM is None:
        _missing("there is no chromium: make test-web installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def _missing(what: str) -> None:
    if MUST:
        pytest.fail(what)
    pytest.skip(what)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Scanner:
    """`gemscan run --display web` in a process of its own."""

    def __init__(
        self, record: Path, *, source: str, port: int | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.record = record
        self._host = host
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._source = source
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listen = f"{self._host}:{self.port}"
        words = ["run", "--source", self._source, "--display", "web", "--listen", listen]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gemscan", *words, "--keep", str(self.record)],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(self.record / "settings")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        until = time.monotonic() + 60
        while time.monotonic() < until and self._process.poll() is None:
            try:
                httpx.get(f"{self.url}api/session", timeout=2)
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(f"no page at {self.url}: {self.stop(signal.SIGKILL)}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> str:
        """End it; what it printed."""
        assert self._process is not None
        self._process.send_signal(how)
        printed, _ = self._process.communicate(timeout=30)
        return printed
