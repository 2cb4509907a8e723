from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gemscan

ROOT = Path(gemscan.__file__).parent


@pytest.mark.slow
def test_no_fault_of_a_camera_loses_a_thread_a_handle_or_memory():
    """Fifteen minutes of the camera's clock; `make soak` runs an hour."""
    words = ("-m", "tests.soak.run", "--minutes", "15", "--speed", "20")
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.stdout.splitlines()[-1] == "nothing was wrong", done.stdout + done.stderr
